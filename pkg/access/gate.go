package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/dynamic"
)

const (
	// Remembered is how long an answer of the API server is believed.
	Remembered = 10 * time.Second
	// reviewTimeout bounds one question.
	reviewTimeout = 5 * time.Second
	// maxReviews bounds the questions that are asked at a time, whoever has them.
	maxReviews = 32
	// maxTokens and maxDecisions bound the memory; the oldest answers go first.
	maxTokens    = 1 << 12
	maxDecisions = 1 << 16
)

// ErrUnauthenticated says that the credentials are missing, or are no good.
var ErrUnauthenticated = errors.New("no valid credentials: want a client certificate or a bearer token that the API server accepts")

// UnavailableError says that the API server did not answer, so that nobody is let in.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the API server cannot say who may read this: %v", e.Err)
}
func (e *UnavailableError) Unwrap() error { return e.Err }

// Options are the settings of a Gate. Client is required.
type Options struct {
	// Client creates the reviews. It should not limit its requests.
	Client dynamic.Interface
	// Audiences are those that a token must be for, one of them at least. Without any,
	// it must be for the API server.
	Audiences []string
	// Decided, when set, is told of every answer that the API server gave, or did not:
	// allowed, denied or error. It must not block.
	Decided func(decision string)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Gate lets callers in. It is safe for concurrent use.
type Gate struct {
	opts Options
	// key is of the HMACs under which answers are remembered.
	key       []byte
	tokens    *cache.LRUExpireCache
	decisions *cache.LRUExpireCache
	flights   singleflight.Group
	// reviews has a place for each question that may be asked at a time.
	reviews chan struct{}
}

// New returns a Gate that remembers nothing yet.
func New(opts Options) *Gate {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Decided == nil {
		opts.Decided = func(string) {}
	}
	key := make([]byte, 32)
	// It never fails: see crypto/rand.
	_, _ = rand.Read(key)
	clock := clock(opts.Now)
	return &Gate{
		opts: opts, key: key, reviews: make(chan struct{}, maxReviews),
		tokens:    cache.NewLRUExpireCacheWithClock(maxTokens, clock),
		decisions: cache.NewLRUExpireCacheWithClock(maxDecisions, clock),
	}
}

// clock is a cache.Clock.
type clock func() time.Time

func (c clock) Now() time.Time { return c() }

// Admit says who sent a request. It asks the API server unless it remembers, and blocks
// until that has answered. The error is ErrUnauthenticated, an *UnavailableError or the
// context's. A client certificate counts before a token, as with the API server.
func (g *Gate) Admit(r *http.Request) (*Caller, error) {
	c := &Caller{gate: g, decided: map[Attributes]decision{}}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		c.certificate = r.TLS.VerifiedChains[0][0]
	} else if c.token = bearer(r.Header); c.token == "" {
		return nil, ErrUnauthenticated
	}
	if err := c.Renew(r.Context()); err != nil {
		return nil, err
	}
	return c, nil
}

// bearer returns the token of the only Authorization header, if that is of the Bearer
// scheme (RFC 6750, section 2.1).
func bearer(h http.Header) string {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || strings.ContainsAny(token, " \t") {
		return ""
	}
	return token
}

// once has a question answered by the API server, and lets all who have the same one at
// that time wait for one answer. It goes on to the end without those who gave up.
func once[T any](ctx context.Context, g *Gate, key string, ask func(context.Context) (T, error)) (T, error) {
	var none T
	done := g.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		select {
		case g.reviews <- struct{}{}:
			defer func() { <-g.reviews }()
		case <-ctx.Done():
			return none, &UnavailableError{Err: errors.New("too many questions wait for it")}
		}
		return ask(ctx)
	})
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-done:
		answer, _ := result.Val.(T)
		return answer, result.Err
	}
}
