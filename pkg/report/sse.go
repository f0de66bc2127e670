package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	keepAliveInterval = 15 * time.Second
	// streamBatch is how many events a stream takes at a time: few enough that it
	// notices a shutdown soon, enough to need few flushes.
	streamBatch = 64
)

// errEnded ends a stream that has said its last word.
var errEnded = errors.New("the stream has ended")

// stream is one client of the live stream, in the format of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). The id of an
// event is its seq. A block with an id and no data moves the position that a
// browser comes back with and is otherwise not noticed by it.
type stream struct {
	ledger *Ledger
	show   func(*watch.Event) *watch.Event
	w      *deadlineWriter
	after  Cursor
	// sent is the last id that the client has been given.
	sent uint64
}

// serveStream follows the ledger until the client leaves, falls behind, or the
// server ends.
func (h *Handler) serveStream(w http.ResponseWriter, r *http.Request, q query) error {
	if q.params["limit"] != "" {
		return badParameter("limit", "does not apply to a live stream")
	}
	after, err := h.streamPosition(r, q)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaSSE)
	w.Header().Set("Cache-Control", "no-store")
	// Proxies that buffer would hold the events back.
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return nil
	}
	h.opts.Metrics.sseClients.Inc()
	defer h.opts.Metrics.sseClients.Dec()
	s := &stream{ledger: h.opts.Ledger, show: q.filter.Apply, w: newDeadlineWriter(w), after: after}
	s.run(r.Context(), h.ending)
	// The end of the response is written after this returns.
	_ = s.w.arm(time.Now().Add(writeTimeout))
	return nil
}

// streamPosition is where a stream starts: where the client left off; otherwise at
// since, if that is given; otherwise now.
func (h *Handler) streamPosition(r *http.Request, q query) (Cursor, error) {
	cursor, lastID := q.params["cursor"], r.Header.Get("Last-Event-ID")
	switch {
	case cursor != "" || lastID != "":
		return h.opts.Ledger.Resume(cursor, lastID)
	case !q.filter.Since.IsZero():
		return h.opts.Ledger.beginning(), nil
	}
	return h.opts.Ledger.Newest(), nil
}

func (s *stream) run(ctx context.Context, ending <-chan struct{}) {
	keepAlive := time.NewTicker(keepAliveInterval)
	defer keepAlive.Stop()
	err := s.hello()
	for err == nil {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-ending:
			err = s.shutdown()
		case <-keepAlive.C:
			err = s.comment("keep-alive")
		case <-s.ledger.Wake(s.after):
			err = s.pump()
		}
	}
}

// hello makes the client see that it is connected, and gives it a position, so that
// it loses nothing if it is cut off before the first event.
func (s *stream) hello() error {
	s.sent = s.after.seq
	if s.after == (Cursor{}) {
		return s.comment("connected")
	}
	return s.send(": connected\nid: %d\n\n", s.after.seq)
}

// comment keeps the connection open. Where events went by that the client did not
// ask for, it moves the client's position along, which would otherwise expire while
// nothing that matches happens.
func (s *stream) comment(text string) error {
	if s.after.seq == s.sent {
		return s.send(": %s\n\n", text)
	}
	s.sent = s.after.seq
	return s.send(": %s\nid: %d\n\n", text, s.sent)
}

// send writes one block and flushes it.
func (s *stream) send(format string, args ...any) error {
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.w.Flush()
}

// pump sends the next events.
func (s *stream) pump() error {
	events, err := s.ledger.Read(s.after, streamBatch)
	var expired *ExpiredError
	if errors.As(err, &expired) {
		return s.overflow(expired.Oldest)
	}
	sent := s.sent
	for _, ev := range events {
		if err := s.event(ev); err != nil {
			return err
		}
	}
	if s.sent == sent {
		return nil
	}
	return s.w.Flush()
}

func (s *stream) event(ev *watch.Event) error {
	s.after = s.ledger.After(ev)
	shown := s.show(ev)
	if shown == nil {
		return nil
	}
	data, err := marshalLine(shown)
	if err != nil {
		return fmt.Errorf("encoding event %s: %w", ev.ID, err)
	}
	s.sent = ev.Seq
	_, err = fmt.Fprintf(s.w, "id: %d\ndata: %s\n", ev.Seq, data)
	return err
}

// overflow tells a client that was too slow where it can go on. The id makes a
// browser do so by itself when it reconnects.
func (s *stream) overflow(oldest Cursor) error {
	if err := s.send("event: overflow\nid: %d\ndata: {\"cursor\":%q}\n\n", oldest.seq, oldest); err != nil {
		return err
	}
	return errEnded
}

// shutdown sends what has been recorded up to now, then where to go on.
func (s *stream) shutdown() error {
	end := s.ledger.Newest()
	for s.after == (Cursor{}) || s.after.seq < end.seq {
		if err := s.pump(); err != nil {
			return err
		}
	}
	if err := s.send("event: shutdown\ndata: {\"cursor\":%q}\n\n", s.after); err != nil {
		return err
	}
	return errEnded
}
