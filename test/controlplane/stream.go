package controlplane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// stream is one request on its way through the proxy. Only the goroutine that
// serves it writes to w; a fault from outside leaves its order in the guarded
// fields and wakes that goroutine by cancel.
type stream struct {
	r      *http.Request // with a context that cancel ends
	w      http.ResponseWriter
	cancel context.CancelFunc
	bytes  *atomic.Int64 // written, for the statistics
	begun  bool          // the header is out; for the serving goroutine only
	cutOff []byte        // the begin of an event that is to be rewritten; likewise

	mu       sync.Mutex // guards all below
	order    *Rule      // the fault that is to end the stream
	truncate bool       // end it in the middle of the next object
	stalled  *Rule      // hold everything back until this rule is cleared
	rewrite  *Rule      // put something else in the place of each event
	between  bool       // nothing is written, or the last object is complete
}

// errOrdered ends the copying when an order waits.
var errOrdered = errors.New("a fault ends the stream")

func newStream(w http.ResponseWriter, r *http.Request, cancel context.CancelFunc, bytes *atomic.Int64) *stream {
	return &stream{r: r, w: w, cancel: cancel, bytes: bytes, between: true}
}

// answerInstead carries out a fault that needs no answer of the API server's;
// it returns false where the request is to be forwarded.
func (s *stream) answerInstead(rule *Rule) bool {
	if rule.fault.kind == respond {
		s.respond(rule.fault)
		return true
	}
	s.hit(rule)
	if order := s.orderNow(); order != nil {
		s.finish(order)
		return true
	}
	return false
}

// hit lets the fault have its effect on the running stream.
func (s *stream) hit(rule *Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch rule.fault.kind {
	case truncate:
		s.truncate = true
	case stall:
		s.stalled = rule
	case rewrite:
		s.rewrite = rule
	case cut:
		s.order = rule
		s.cancel()
	case end, errorEvent:
		s.order = rule
		// In the middle of an object it would be garbage: then write sees to
		// it once the object is complete, which no stalled one ever is.
		if s.between || s.stalled != nil {
			s.cancel()
		}
	}
}

func (s *stream) orderNow() *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order
}

// finish carries out the order that ended the stream. A panic with
// ErrAbortHandler is net/http's way to reset a stream or a connection.
func (s *stream) finish(order *Rule) {
	s.mu.Lock()
	between := s.between
	s.mu.Unlock()
	if order.fault.kind == cut || !between {
		panic(http.ErrAbortHandler)
	}
	s.respond(order.fault)
}

// respond writes the fault's own answer, or only its body if another has begun.
func (s *stream) respond(f Fault) {
	if !s.begun {
		maps.Copy(s.w.Header(), f.header)
		s.w.WriteHeader(f.status)
	}
	// A client that has gone needs no answer.
	_, _ = s.w.Write(f.body)
}

// forward sends the request on and the answer back, until one side or a fault
// ends it.
func (s *stream) forward(p *Proxy) {
	response, err := p.roundTrip(s.r)
	if err == nil {
		defer response.Body.Close()
		err = s.answer(response)
	}
	if order := s.orderNow(); order != nil {
		s.finish(order)
		return
	}
	if err != nil {
		// The API server is away, or has cut its side: so do we.
		panic(http.ErrAbortHandler)
	}
}

func (s *stream) answer(response *http.Response) error {
	watch := isWatch(s.r)
	if !watch {
		if err := s.await(); err != nil {
			return err
		}
	}
	copyHeader(s.w.Header(), response.Header)
	s.w.WriteHeader(response.StatusCode)
	s.begun = true
	flush := http.NewResponseController(s.w).Flush
	if watch {
		// A stalled watch has begun: its client has seen the header.
		_ = flush()
	}
	buffer := make([]byte, 32<<10)
	for {
		n, readErr := response.Body.Read(buffer)
		if n > 0 {
			if err := s.write(s.rewritten(buffer[:n])); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
		if errors.Is(readErr, io.EOF) {
			return s.await()
		}
		if readErr != nil {
			return readErr
		}
	}
}

// rewritten puts other events in the place of those that are complete with this piece.
func (s *stream) rewritten(data []byte) []byte {
	s.mu.Lock()
	rule := s.rewrite
	s.mu.Unlock()
	if rule == nil {
		return data
	}
	data = append(s.cutOff, data...)
	s.cutOff = nil
	select {
	case <-rule.cleared:
		return data
	default:
	}
	var out []byte
	for {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			s.cutOff = data
			return out
		}
		out = append(out, rule.fault.rewrite(data[:end])...)
		data = data[end:]
	}
}

// write passes on one piece, unless a fault says otherwise.
func (s *stream) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if err := s.await(); err != nil {
		return err
	}
	s.mu.Lock()
	truncated := s.truncate && len(data) > 1
	s.mu.Unlock()
	if truncated {
		data = data[:middle(data)]
	}
	n, err := s.w.Write(data)
	s.bytes.Add(int64(n))
	if err != nil {
		return err
	}
	if truncated {
		_ = http.NewResponseController(s.w).Flush()
		return errOrdered
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.between = data[len(data)-1] == '\n'
	if s.order != nil && s.between {
		return errOrdered
	}
	return nil
}

// middle returns a length that ends within an object: objects end with a
// newline.
func middle(data []byte) int {
	half := len(data) / 2
	if data[half-1] == '\n' {
		half++
	}
	return half
}

// await blocks while the stream is stalled.
func (s *stream) await() error {
	s.mu.Lock()
	rule := s.stalled
	s.mu.Unlock()
	if rule == nil {
		return nil
	}
	select {
	case <-rule.cleared:
		return nil
	case <-s.r.Context().Done():
		return s.r.Context().Err()
	}
}

// roundTrip forwards with the caller's identity.
func (p *Proxy) roundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.Host = p.target.Host
	out.Header = make(http.Header, len(r.Header))
	copyHeader(out.Header, r.Header)
	for name := range out.Header {
		// Nobody but us says who is calling.
		if strings.HasPrefix(name, "X-Remote-") {
			out.Header.Del(name)
		}
	}
	if isWatch(r) {
		out.Header.Del("Accept-Encoding")
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return p.plain.RoundTrip(out)
	}
	subject := r.TLS.PeerCertificates[0].Subject
	out.Header.Set("X-Remote-User", subject.CommonName)
	for _, group := range subject.Organization {
		out.Header.Add("X-Remote-Group", group)
	}
	return p.named.RoundTrip(out)
}

// copyHeader leaves out what belongs to one connection.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		default:
			to[name] = values
		}
	}
}
