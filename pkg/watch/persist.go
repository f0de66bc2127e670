package watch

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Limits of Persist. One request may take as long as the API server allows it.
const (
	persistAttempts = 3
	persistDeadline = time.Minute
	persistLongest  = 10 * time.Second
)

// Trouble is what an error of the API server means for a resource: see Explain.
type Trouble struct {
	// State is Broken, Forbidden or NotServed; empty when the error may pass, or lies
	// with the API server as a whole.
	State State
	// Reason is one CamelCase word of a fixed set; Message is the API server's own.
	Reason, Message string
}

// Explain says what an error of a GET or of a LIST without resourceVersion means.
func Explain(err error) Trouble {
	v := probeVerdict(err)
	return Trouble{State: v.state, Reason: v.reason, Message: v.message}
}

// Expired reports whether an error says that a continue token, or a resourceVersion,
// is too old: then only a new list goes on.
func Expired(err error) bool {
	return isExpired(err)
}

// Persist makes a request, up to three times until it succeeds. It does not repeat
// what is forbidden, not served, or Expired. Between two attempts it waits for pause,
// then for twice as long, or for as long as the API server asks. It returns how often
// it tried and the last error.
func Persist(ctx context.Context, pause time.Duration, request func(context.Context) error) (attempts int, err error) {
	for attempts = 1; ; attempts++ {
		err = within(ctx, persistDeadline, request)
		if err == nil || attempts == persistAttempts || final(err) {
			return attempts, err
		}
		wait := pause << (attempts - 1)
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			wait = max(wait, min(time.Duration(seconds)*time.Second, persistLongest))
		}
		if !sleep(ctx, wait, nil) {
			return attempts, errors.Join(ctx.Err(), err)
		}
	}
}

// final: another attempt cannot end otherwise.
func final(err error) bool {
	state := Explain(err).State
	return state == Forbidden || state == NotServed || isExpired(err)
}

func within(ctx context.Context, d time.Duration, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return request(ctx)
}
