package report

import (
	"context"
	"errors"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Page is the answer to a Query. Its JSON form is part of the HTTP contract.
type Page struct {
	Items []*watch.Event `json:"items"`
	// NextCursor is empty when nothing that matches follows as yet.
	NextCursor string `json:"nextCursor"`
	// Damaged are the sequence numbers of events that belong here, as far as can be
	// told, and cannot be read: the page is not complete without them. There are
	// none as long as the disk is well.
	Damaged []uint64 `json:"damaged,omitempty"`
}

// Query returns up to limit events, damaged ones among them, that follow after and
// that f lets through, oldest first. The error is an *ExpiredError, or the history's.
func (l *Ledger) Query(ctx context.Context, after Cursor, limit int, f Filter) (Page, error) {
	return l.query(ctx, after, limit, f, view{})
}

// query is Query for a caller.
func (l *Ledger) query(ctx context.Context, after Cursor, limit int, f Filter, v view) (Page, error) {
	page := Page{Items: []*watch.Event{}}
	scan := l.scan(after, f, v)
	scan.few = limit + 1
	for ev, err := range scan.events(ctx) {
		var damaged *damagedEvent
		if err != nil && !errors.As(err, &damaged) {
			return Page{}, err
		}
		seq := seqOf(ev, damaged)
		// The page ends only when a further event matches, so that a NextCursor
		// never leads to an empty page. It stands right before that event, as far
		// from the end of what is kept as it can.
		switch {
		case len(page.Items)+len(page.Damaged) == limit:
			page.NextCursor = Cursor{epoch: l.epoch, seq: seq - 1}.String()
			return page, nil
		case damaged != nil:
			page.Damaged = append(page.Damaged, seq)
		default:
			page.Items = append(page.Items, ev)
		}
	}
	return page, nil
}

// seqOf is where a scan has come to: an event, or the place of a damaged one.
func seqOf(ev *watch.Event, damaged *damagedEvent) uint64 {
	if damaged != nil {
		return damaged.seq
	}
	return ev.Seq
}
