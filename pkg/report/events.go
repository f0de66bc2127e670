package report

import (
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
	switch {
	case follow || media == mediaSSE:
		return h.serveStream(w, r, q)
	case media == mediaNDJSON:
		return h.serveLines(w, r, q)
	}
	return h.servePage(w, r, q)
}

func (h *Handler) servePage(w http.ResponseWriter, r *http.Request, q query) error {
	limit, err := q.params.limit(maxLimit)
	if err != nil {
		return err
	}
	after, err := h.position(q)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = defaultLimit
	}
	page, err := h.opts.Ledger.Query(after, limit, q.filter.Apply)
	if err != nil {
		return err
	}
	return writeJSON(w, r, page)
}

// position is where a list starts: at the beginning unless there is a cursor.
func (h *Handler) position(q query) (Cursor, error) {
	if q.params["cursor"] == "" {
		return Cursor{}, nil
	}
	return h.opts.Ledger.Cursor(q.params["cursor"])
}

// serveLines streams everything that is recorded and matches, then ends.
func (h *Handler) serveLines(w http.ResponseWriter, r *http.Request, q query) error {
	limit, err := q.params.limit(0)
	if err != nil {
		return err
	}
	after, err := h.position(q)
	if err != nil {
		return err
	}
	// Taken at once, as for a page: the ring cannot overtake a slow client, and
	// what was sent is let go.
	events, err := h.opts.Ledger.Read(after, math.MaxInt)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = len(events)
	}
	w.Header().Set("Content-Type", mediaNDJSON)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	writeLines(newDeadlineWriter(w), events, limit, q.filter.Apply)
	return nil
}

// writeLines gives up when the client does not read. ErrAbortHandler is net/http's
// way to leave the response without its end, so that what the client got does not
// pass for the whole.
func writeLines(w *deadlineWriter, events []*watch.Event, limit int, show func(*watch.Event) *watch.Event) {
	for i := range events {
		shown := show(events[i])
		events[i] = nil
		if shown == nil {
			continue
		}
		if limit--; limit < 0 {
			return
		}
		if err := printJSONL(w, shown); err != nil {
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut an answer short
		}
	}
}
