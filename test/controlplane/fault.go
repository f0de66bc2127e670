package controlplane

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Fault is what the proxy does to a request. It is a value and may be used many
// times.
type Fault struct {
	kind   kind
	status int
	header http.Header
	body   []byte
	// rewrite returns what takes the place of one event of a watch, with its newline.
	rewrite func(event []byte) []byte
}

type kind int

const (
	cut kind = iota
	truncate
	stall
	end
	errorEvent
	respond
	rewrite
)

// Cut aborts the stream (HTTP/2) or the connection (HTTP/1.1): the client's read
// fails. A new request is not forwarded.
func Cut() Fault { return Fault{kind: cut} }

// Truncate passes on half of the next piece of the answer, so that an object
// breaks off in its middle, and then cuts.
func Truncate() Fault { return Fault{kind: truncate} }

// Stall keeps the stream open and delivers nothing any more. When its rule is
// cleared, all that was held back follows. A new watch still gets its header;
// another new request gets nothing at all.
func Stall() Fault { return Fault{kind: stall} }

// End ends a running watch with a clean EOF, as the API server does at its
// timeout. A new request is answered with an empty 200.
func End() Fault { return Fault{kind: end, status: http.StatusOK, header: jsonHeader()} }

// Rewrite puts something else in the place of each event of a new watch: nothing, the
// same once more, or another. f gets one event with its newline, of which it must keep
// nothing, and is called by one goroutine per watch. On running watches it has no
// effect; when its rule is cleared, the events pass again.
func Rewrite(f func(event []byte) []byte) Fault { return Fault{kind: rewrite, rewrite: f} }

// Swallow is Rewrite for an API server that loses watch events: those of the objects
// with this name.
func Swallow(name string) Fault {
	field := []byte(`"name":` + strconv.Quote(name) + `,`)
	return Rewrite(func(event []byte) []byte {
		if bytes.Contains(event, field) {
			return nil
		}
		return event
	})
}

// Respond answers new requests itself. On running ones it has no effect.
func Respond(status int, header http.Header, body []byte) Fault {
	return Fault{kind: respond, status: status, header: header, body: body}
}

// RespondStatus is Respond with a Status object, as the API server writes it.
// A retryAfter above 0 becomes the Retry-After header, in whole seconds.
func RespondStatus(code int, reason metav1.StatusReason, message string, retryAfter time.Duration) Fault {
	header := jsonHeader()
	if retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	return Respond(code, header, mustMarshal(failure(code, reason, message)))
}

// Expired is the 410 that the API server answers to LIST with a resourceVersion
// or a continue token that it no longer has.
func Expired() Fault {
	return RespondStatus(http.StatusGone, metav1.StatusReasonExpired, "too old resource version", 0)
}

// ErrorEvent sends a watch event of type ERROR with a Status, between two
// events, and ends the watch, as the API server does. It works on running and
// on new watches that speak JSON. To a 410 client-go's reflector answers with a
// new list:
//
//	p.Now(controlplane.ErrorEvent(410, metav1.StatusReasonExpired, "too old resource version"), match)
func ErrorEvent(code int, reason metav1.StatusReason, message string) Fault {
	event := map[string]any{"type": "ERROR", "object": failure(code, reason, message)}
	return Fault{
		kind: errorEvent, status: http.StatusOK, header: jsonHeader(), body: append(mustMarshal(event), '\n'),
	}
}

func failure(code int, reason metav1.StatusReason, message string) metav1.Status {
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	}
}

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }

// mustMarshal is for values that have no way to fail.
func mustMarshal(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return data
}

// Rule is a fault in force.
type Rule struct {
	fault   Fault
	match   Matcher
	hits    atomic.Int64
	cleared chan struct{} // closed by Clear
	once    sync.Once
	proxy   *Proxy

	left int // guarded by proxy.mu; below 0: no limit
}

// Hits is how many requests the rule has met so far.
func (r *Rule) Hits() int { return int(r.hits.Load()) }

// Clear ends the rule: new requests pass, and stalled streams go on with all
// that was held back. Clearing twice does nothing.
func (r *Rule) Clear() {
	r.once.Do(func() {
		r.proxy.mu.Lock()
		r.proxy.rules = slices.DeleteFunc(r.proxy.rules, func(other *Rule) bool { return other == r })
		r.proxy.mu.Unlock()
		close(r.cleared)
	})
}

func (p *Proxy) newRule(f Fault, m Matcher, left int) *Rule {
	return &Rule{fault: f, match: m, left: left, proxy: p, cleared: make(chan struct{})}
}

// Now applies the fault to the requests that are running, and to no other. It
// does not wait for the effect. Hits of the rule says how many it met.
func (p *Proxy) Now(f Fault, m Matcher) *Rule {
	rule := p.newRule(f, m, 0)
	if f.kind == respond || f.kind == rewrite {
		return rule
	}
	for _, s := range p.running() {
		if m(s.r) {
			rule.hits.Add(1)
			s.hit(rule)
		}
	}
	return rule
}

// Next applies the fault to the next n matching requests. Of several rules the
// oldest that matches counts.
func (p *Proxy) Next(n int, f Fault, m Matcher) *Rule { return p.add(p.newRule(f, m, n)) }

// Always applies the fault to all matching requests that begin until the rule
// is cleared.
func (p *Proxy) Always(f Fault, m Matcher) *Rule { return p.add(p.newRule(f, m, -1)) }

// Running counts the running requests that match: a test waits with it until a
// client's watch has come through.
func (p *Proxy) Running(m Matcher) int {
	n := 0
	for _, s := range p.running() {
		if m(s.r) {
			n++
		}
	}
	return n
}

// ClearAll clears all rules of Next and Always.
func (p *Proxy) ClearAll() {
	p.mu.Lock()
	rules := slices.Clone(p.rules)
	p.mu.Unlock()
	for _, r := range rules {
		r.Clear()
	}
}

func (p *Proxy) add(r *Rule) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, r)
	return r
}

// use takes one of the rule's requests; it fails once they are used up. The
// rule stays: stalled streams wait for its Clear.
func (p *Proxy) use(r *Rule) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.left == 0 {
		return false
	}
	r.left--
	r.hits.Add(1)
	return true
}

func (p *Proxy) running() []*stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.streams))
}
