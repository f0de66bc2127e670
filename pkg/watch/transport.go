package watch

import (
	"net/http"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// How much an API server may send that nobody has read yet, in bytes. The defaults of
// client-go's HTTP/2 are 4 MiB for each stream and 1 GiB for all on a connection: an API
// server that is faster than this program, as it is when thousands of watches begin at
// once, would fill gigabytes of memory before it was slowed down.
//
// A connection that is 50 ms away still gets 160 MiB a second.
const (
	receiveStream     = 1 << 20
	receiveConnection = 8 << 20
)

// limitReceiving limits it for the transport at the bottom, before its first connection.
// A transport that is none of net/http's is left as it is, and so is the one that all
// programs without TLS share: HTTP/1 is limited by TCP.
func limitReceiving(transport http.RoundTripper) {
	for {
		switch t := transport.(type) {
		case *http.Transport:
			if t.HTTP2 == nil && t != http.DefaultTransport {
				t.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: receiveStream, MaxReceiveBufferPerConnection: receiveConnection}
			}
			return
		case utilnet.RoundTripperWrapper:
			transport = t.WrappedRoundTripper()
		default:
			return
		}
	}
}

// observedTransport tells an observer of every answer. And it keeps client-go from
// waiting on its own when a watch is answered 429, as it does ten times over, out of
// sight and holding a place at the gate: without the header it hands the answer on.
// The Status in the body says how long to wait, too.
type observedTransport struct {
	next     http.RoundTripper
	observer RequestObserver
}

// RoundTrip implements http.RoundTripper.
func (t observedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	verb, code := verbOf(req), 0
	if err == nil {
		code = resp.StatusCode
	}
	if verb == "WATCH" && code == http.StatusTooManyRequests {
		resp.Header.Del("Retry-After")
	}
	if t.observer != nil {
		t.observer.Request(verb, code)
	}
	return resp, err
}

// WrappedRoundTripper lets client-go reach the transport below, to close its idle
// connections.
func (t observedTransport) WrappedRoundTripper() http.RoundTripper {
	return t.next
}

// verbOf is the Kubernetes verb of a request, as far as the caller of this package
// can make one: reads of one object are GET, all others LIST or WATCH.
func verbOf(req *http.Request) string {
	query := req.URL.Query()
	switch {
	case req.Method != http.MethodGet:
		return req.Method
	case query.Get("watch") == "true":
		return "WATCH"
	case query.Has("limit"):
		return "LIST"
	}
	return http.MethodGet
}
