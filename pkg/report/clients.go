package report

import (
	"fmt"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The streams that may be open at a time: in all, and of one caller.
const (
	maxStreams        = 256
	maxStreamsOfOne   = 8
	streamsRetryAfter = 10
)

// clients counts the open streams. The zero value is ready to use.
type clients struct {
	mu     sync.Mutex
	all    int
	byName map[string]int
}

// enter makes room for a stream, which gives it back with leave. The error is a 429.
func (c *clients) enter(v view) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= maxStreams {
		return nil, tooManyStreams("there are %d streams already", maxStreams)
	}
	if v.caller == nil {
		c.all++
		return func() { c.leave("") }, nil
	}
	name := v.caller.Name()
	if c.byName[name] >= maxStreamsOfOne {
		return nil, tooManyStreams("you have %d streams already", maxStreamsOfOne)
	}
	if c.byName == nil {
		c.byName = map[string]int{}
	}
	c.all++
	c.byName[name]++
	return func() { c.leave(name) }, nil
}

func (c *clients) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.byName[name] > 1 {
		c.byName[name]--
		return
	}
	delete(c.byName, name)
}

func tooManyStreams(format string, most int) error {
	err := failure(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, fmt.Sprintf(format+": end one, or come back later", most))
	err.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: streamsRetryAfter}
	return err
}
