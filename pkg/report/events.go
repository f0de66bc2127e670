package report

import (
	"context"
	"errors"
	"iter"
	"math"
	"net/http"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// objectParameters are those of the timeline of one object, which its path names.
func objectParameters() []string {
	return []string{"type", "manager", "since", "until", "limit", "cursor", "watch"}
}

// eventParameters are those of all events.
func eventParameters() []string {
	return append([]string{"resource", "namespace", "name"}, objectParameters()...)
}

// query is a request for events, understood.
type query struct {
	params parameters
	filter Filter
	view   view
}

func (h *Handler) events(w http.ResponseWriter, r *http.Request) error {
	params, err := parseParameters(r, eventParameters()...)
	if err != nil {
		return err
	}
	filter, err := params.filter(h.opts.Now())
	if err != nil {
		return err
	}
	return h.serveEvents(w, r, query{params: params, filter: filter})
}

// objectEvents serves the timeline of one object.
func (h *Handler) objectEvents(w http.ResponseWriter, r *http.Request) error {
	params, err := parseParameters(r, objectParameters()...)
	if err != nil {
		return err
	}
	filter, err := params.filter(h.opts.Now())
	if err != nil {
		return err
	}
	filter.Resource = r.PathValue("resource") + "." + r.PathValue("group")
	filter.Namespace, filter.Name = r.PathValue("namespace"), r.PathValue("name")
	return h.serveEvents(w, r, query{params: params, filter: filter})
}

// serveEvents answers in the form that the client asked for.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request, q query) error {
	follow, err := q.params.watch()
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Accept")
	media := negotiate(r)
	stream := follow || media == mediaSSE
	if q.view, err = h.viewFor(w, r, q.filter, stream); err != nil {
		return err
	}
	switch {
	case stream:
		return h.serveStream(w, r, q)
	case media == mediaNDJSON:
		return h.serveLines(w, r, q)
	}
	return h.servePage(w, r, q)
}

// viewFor is what the caller may see of events. One who may see nothing of what they
// name is refused, one who may see a part is warned.
func (h *Handler) viewFor(w http.ResponseWriter, r *http.Request, f Filter, stream bool) (view, error) {
	v := viewOf(r, "list")
	if stream {
		v.verb = "watch"
	}
	if f.Namespace != NoNamespace {
		v.namespace = f.Namespace
	}
	warning, err := v.demand(r.Context(), f)
	warn(w, warning)
	return v, err
}

func (h *Handler) servePage(w http.ResponseWriter, r *http.Request, q query) error {
	limit, err := q.params.limit(maxLimit)
	if err != nil {
		return err
	}
	after, err := h.position(r.Context(), q)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = defaultLimit
	}
	page, err := h.opts.Ledger.query(r.Context(), after, limit, q.filter, q.view)
	if err != nil {
		return err
	}
	return writeJSON(w, r, page)
}

// position is where a list starts: at the beginning unless there is a cursor.
func (h *Handler) position(ctx context.Context, q query) (Cursor, error) {
	if q.params["cursor"] == "" {
		return Cursor{}, nil
	}
	return h.opts.Ledger.Cursor(ctx, q.params["cursor"])
}

// serveLines streams everything that is recorded and matches, then ends.
func (h *Handler) serveLines(w http.ResponseWriter, r *http.Request, q query) error {
	limit, err := q.params.limit(0)
	if err != nil {
		return err
	}
	after, err := h.position(r.Context(), q)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = math.MaxInt
	}
	w.Header().Set("Content-Type", mediaNDJSON)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	return writeLines(newDeadlineWriter(w), h.opts.Ledger.scan(after, q.filter, q.view).events(r.Context()), limit)
}

// writeLines gives up when the client does not read. ErrAbortHandler is net/http's
// way to leave the response without its end, so that what the client got does not
// pass for the whole. That is also how it learns of events that cannot be read, once
// it has all others: a line has no place to say so.
func writeLines(w *deadlineWriter, events iter.Seq2[*watch.Event, error], limit int) error {
	sent, whole := 0, true
	for ev, err := range events {
		var damaged *damagedEvent
		switch {
		case errors.As(err, &damaged):
			whole = false
			continue
		case err != nil && sent == 0:
			return err
		case err == nil && sent == limit:
			return endLines(w, whole)
		}
		if err != nil || printJSONL(w, ev) != nil {
			return endLines(w, false)
		}
		sent++
	}
	return endLines(w, whole)
}

// endLines ends the response, and if it is not whole, without its end.
func endLines(w *deadlineWriter, whole bool) error {
	if !whole {
		// What is buffered would be dropped. A client that does not read gets no more.
		_ = w.Flush()
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut an answer short
	}
	return nil
}
