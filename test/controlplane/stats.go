package controlplane

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// RequestKey tells requests apart by Kubernetes' verb and the path without its
// query.
type RequestKey struct {
	Verb, Path string
}

// Stats is what has come through a proxy since its start.
type Stats struct {
	// Accepted counts TCP connections, Open those of them that still are.
	Accepted, Open int
	// Requests counts requests when they begin, those with a fault too.
	Requests map[RequestKey]int
	// Bytes sums the bodies of the API server's answers by path, as they went
	// to the client: compressed if it asked for that.
	Bytes map[string]int64
}

// Count sums the requests with the verb, of all paths.
func (s Stats) Count(verb string) int {
	n := 0
	for key, count := range s.Requests {
		if key.Verb == verb {
			n += count
		}
	}
	return n
}

// Stats returns a copy of the counts. Tests that want the counts of one phase
// subtract an earlier copy's.
func (p *Proxy) Stats() Stats {
	s := p.stats.snapshot()
	s.Open = len(p.connections())
	return s
}

// stats counts. Its zero value is ready.
type stats struct {
	accepted atomic.Int64

	mu       sync.Mutex // guards the maps, not what they point to
	requests map[RequestKey]int
	bytes    map[string]*atomic.Int64
}

// begin counts the request and returns where its answer's bytes are counted.
func (s *stats) begin(r *http.Request) *atomic.Int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests == nil {
		s.requests, s.bytes = make(map[RequestKey]int), make(map[string]*atomic.Int64)
	}
	s.requests[RequestKey{Verb: info(r).Verb, Path: r.URL.Path}]++
	bytes := s.bytes[r.URL.Path]
	if bytes == nil {
		bytes = new(atomic.Int64)
		s.bytes[r.URL.Path] = bytes
	}
	return bytes
}

func (s *stats) snapshot() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stats{
		Accepted: int(s.accepted.Load()),
		Requests: make(map[RequestKey]int, len(s.requests)),
		Bytes:    make(map[string]int64, len(s.bytes)),
	}
	for key, n := range s.requests {
		out.Requests[key] = n
	}
	for path, n := range s.bytes {
		out.Bytes[path] = n.Load()
	}
	return out
}
