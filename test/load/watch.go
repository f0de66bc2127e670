package load

import (
	"encoding/json"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// bookmarkEvery is how often a watch is told how far it is. The API server does it about
// once a minute, too.
const bookmarkEvery = time.Minute

// stream is one watch.
type stream struct {
	table   *table
	render  func(b []byte, o *subject) []byte
	query   query
	writer  http.ResponseWriter
	flusher http.Flusher
	buffer  []byte
	// sent is the revision up to which everything was sent.
	sent uint64
}

// watch sends the objects, if asked to, and then what changes.
func (h handler) watch(w http.ResponseWriter, r *http.Request, t *table, q query) {
	flusher, _ := w.(http.Flusher)
	s := &stream{table: t, render: q.render(t), query: q, writer: w, flusher: flusher, sent: q.revision}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if q.initial && !s.initial(h.world) {
		return
	}
	if s.sent == 0 {
		s.sent = t.position(&h.world.revisions)
	}
	if !s.flush() {
		return
	}
	s.buffer = nil // thousands of watches wait with nothing to say
	s.follow(r, h.world)
}

// initial sends all objects, and the bookmark that ends them.
func (s *stream) initial(w *world) bool {
	slots, revision := s.table.snapshot(&w.revisions)
	for i := range slots {
		if slots[i].gone {
			continue
		}
		if s.event(apiwatch.Added, i, slots[i]); len(s.buffer) >= chunk && !s.write() {
			return false
		}
	}
	s.sent = revision
	s.bookmark(true)
	return true
}

// follow sends what changes until the client goes, or the time is over.
func (s *stream) follow(r *http.Request, w *world) {
	timeout, bookmarks := time.NewTimer(s.query.timeout), time.NewTicker(bookmarkEvery)
	defer timeout.Stop()
	defer bookmarks.Stop()
	for {
		changes, more, cut, ok := s.table.since(s.sent)
		if !ok {
			s.expire()
			return
		}
		for _, c := range changes {
			s.event(c.event, c.number, c.slot)
			s.sent = c.revision
		}
		if len(changes) > 0 && !s.flush() {
			return
		}
		select {
		case <-more:
		case <-bookmarks.C:
			if !s.keepUp(w) {
				return
			}
		case <-cut:
			return
		case <-timeout.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// keepUp tells how far the watch is, if nothing has changed meanwhile.
func (s *stream) keepUp(w *world) bool {
	if !s.query.bookmarks {
		return true
	}
	now := s.table.position(&w.revisions)
	if changes, _, _, ok := s.table.since(s.sent); !ok || len(changes) > 0 {
		return true
	}
	s.sent = now
	s.bookmark(false)
	return s.flush()
}

func (s *stream) event(typ apiwatch.EventType, number int, state slot) {
	o := s.table.subject(number, state)
	s.buffer = append(append(append(s.buffer, `{"type":"`...), typ...), `","object":`...)
	s.buffer = append(s.render(s.buffer, &o), "}\n"...)
}

// bookmark is an object that has a resourceVersion, and says whether the initial objects
// end here.
func (s *stream) bookmark(end bool) {
	var annotations map[string]string
	if end {
		annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	}
	s.buffer = append(s.buffer, `{"type":"BOOKMARK","object":`...)
	s.buffer = append(append(s.buffer, s.table.bookmark(s.query, s.sent, annotations)...), "}\n"...)
}

// expire says that the client must list again.
func (s *stream) expire() {
	s.table.mu.Lock()
	oldest := s.table.forgotten
	s.table.mu.Unlock()
	text, _ := json.Marshal(statusOf(expired(s.sent, oldest))) // strings and numbers
	s.buffer = append(append(append(s.buffer, `{"type":"ERROR","object":`...), text...), "}\n"...)
	s.flush()
}

// write sends what is in the buffer, and reports whether somebody takes it.
func (s *stream) write() bool {
	_, err := s.writer.Write(s.buffer)
	s.buffer = s.buffer[:0]
	return err == nil
}

func (s *stream) flush() bool {
	ok := s.write()
	s.flusher.Flush()
	return ok
}
