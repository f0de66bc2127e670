package opponent

import (
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// wire counts connections and requests.
//
// It does not put a dialer into the rest.Config: client-go shares one transport
// between clients whose configs are alike, and takes two configs with a dialer for
// different ones, even if it is the same dialer. To count so would multiply what is
// counted. Each request carries a trace instead; the net package tells it of each
// TCP connection that is made for it, used in the end or not.
type wire struct {
	dialled atomic.Int64

	mu       sync.Mutex
	requests map[string]int
}

// watchOver makes all clients of the config count.
func (w *wire) watchOver(config *rest.Config) {
	w.requests = map[string]int{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return tracing{next, w}
	})
}

func (w *wire) connected(_, _ string, err error) {
	if err == nil {
		w.dialled.Add(1)
	}
}

func (w *wire) requested(verb string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests[verb]++
}

func (w *wire) counts() (dialled int, requests map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.dialled.Load()), maps.Clone(w.requests)
}

type tracing struct {
	next http.RoundTripper
	wire *wire
}

// RoundTrip implements http.RoundTripper.
func (t tracing) RoundTrip(req *http.Request) (*http.Response, error) {
	t.wire.requested(verbOf(req))
	// Each request needs a trace of its own: WithClientTrace writes into it.
	trace := &httptrace.ClientTrace{ConnectDone: t.wire.connected}
	return t.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
}

// WrappedRoundTripper lets client-go reach the transport below.
func (t tracing) WrappedRoundTripper() http.RoundTripper {
	return t.next
}

// verbOf tells watches from all other reads: lists and single objects.
func verbOf(req *http.Request) string {
	switch {
	case req.Method != http.MethodGet:
		return req.Method
	case req.URL.Query().Has("watch"):
		return "watch"
	}
	return "read"
}
