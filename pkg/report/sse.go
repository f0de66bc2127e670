package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// keepAliveInterval is also how often it is asked who the caller is.
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
// browser comes back with and is otherwise not noticed by it. Beside the events there
// are blocks named overflow (the client fell behind what is kept: the cursor to go on
// with), shutdown (the server ends: the same), damaged (the event of this seq cannot be
// read, and may have been one that the client asked for) and denied (the caller's
// credentials are no longer good, or the API server cannot say: a Status, and the end).
type stream struct {
	ledger *Ledger
	filter Filter
	view   view
	ending <-chan struct{}
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
	leave, err := h.clients.enter(q.view)
	if err != nil {
		return err
	}
	defer leave()
	w.Header().Set("Content-Type", mediaSSE)
	w.Header().Set("Cache-Control", "no-store")
	// Proxies that buffer would hold the events back.
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return nil
	}
	h.opts.Metrics.sseClients.Inc()
	defer h.opts.Metrics.sseClients.Dec()
	s := &stream{ledger: h.opts.Ledger, filter: q.filter, view: q.view, ending: h.ending, w: newDeadlineWriter(w), after: after}
	s.run(r.Context())
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
		return h.opts.Ledger.Resume(r.Context(), cursor, lastID)
	case !q.filter.Since.IsZero():
		return h.opts.Ledger.beginning(r.Context())
	}
	return h.opts.Ledger.Newest(), nil
}

func (s *stream) run(ctx context.Context) {
	keepAlive := time.NewTicker(keepAliveInterval)
	defer keepAlive.Stop()
	err := s.hello()
	for err == nil {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.ending:
			err = s.shutdown(ctx)
		case <-keepAlive.C:
			err = s.keepAlive(ctx)
		case <-s.ledger.Wake(s.after):
			err = s.pump(ctx, false)
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

// keepAlive ends the stream of a caller who is no longer who they were.
func (s *stream) keepAlive(ctx context.Context) error {
	if s.view.caller != nil {
		if err := s.view.caller.Renew(ctx); err != nil {
			return s.denied(err)
		}
		*s.view.names = maxNames
	}
	return s.comment("keep-alive")
}

// denied tells a client whose rights cannot be told why the stream ends, as a request
// would be answered. The client comes back to where it was.
func (s *stream) denied(err error) error {
	var answer *apierrors.StatusError
	if !errors.As(explainAccess(err), &answer) {
		return err
	}
	data, err := marshalLine(answer.ErrStatus)
	if err != nil {
		return fmt.Errorf("encoding the end of a stream: %w", err)
	}
	if err := s.send("event: denied\ndata: %s\n", data); err != nil {
		return err
	}
	return errEnded
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

// pump sends what has been recorded up to now. Unless all of it has to be sent, it
// stops when the stream shall end.
func (s *stream) pump(ctx context.Context, all bool) error {
	scan := s.ledger.scan(s.after, s.filter, s.view)
	// A reader that is slower than the ring is told so where that has lost something.
	scan.step = streamBatch
	n, sent := 0, s.sent
	for ev, err := range scan.events(ctx) {
		if err := s.item(ev, err); err != nil {
			return err
		}
		if n++; n%streamBatch > 0 {
			continue
		}
		sent = s.sent
		if err := s.w.Flush(); err != nil {
			return err
		}
		if !all && s.ends(ctx) {
			break
		}
	}
	s.after = scan.at
	if s.sent == sent {
		return nil
	}
	return s.w.Flush()
}

func (s *stream) ends(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-s.ending:
	default:
		return false
	}
	return true
}

// item sends what a scan yielded.
func (s *stream) item(ev *watch.Event, err error) error {
	var expired *ExpiredError
	var damaged *damagedEvent
	switch {
	case errors.As(err, &expired):
		return s.overflow(expired.Oldest)
	case errors.As(err, &damaged):
		s.sent = damaged.seq
		_, err := fmt.Fprintf(s.w, "event: damaged\nid: %d\ndata: {\"seq\":%d}\n\n", damaged.seq, damaged.seq)
		return err
	case err != nil:
		return s.denied(err)
	}
	data, err := marshalLine(ev)
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

// shutdown sends what has been recorded up to now, then where to go on. What is older
// than the ring is left for the client's next connection: it may be very much.
func (s *stream) shutdown(ctx context.Context) error {
	if s.ledger.inRing(s.after) {
		if err := s.pump(ctx, true); err != nil {
			return err
		}
	}
	if err := s.send("event: shutdown\ndata: {\"cursor\":%q}\n\n", s.after); err != nil {
		return err
	}
	return errEnded
}
