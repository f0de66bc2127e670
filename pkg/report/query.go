package report

import (
	"math"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Page is the answer to a Query. Its JSON form is part of the HTTP contract.
type Page struct {
	Items []*watch.Event `json:"items"`
	// NextCursor is empty when nothing that matches follows as yet.
	NextCursor string `json:"nextCursor"`
}

// Query returns up to limit events that follow after and that show lets through,
// oldest first. show returns what the caller may and wants to see of an event, or
// nil; it is called under no lock. The error is an *ExpiredError.
func (l *Ledger) Query(after Cursor, limit int, show func(*watch.Event) *watch.Event) (Page, error) {
	// All pointers are taken at once: a scan that read in steps could be overtaken
	// by the ring and fail for a client that did nothing wrong.
	events, err := l.Read(after, math.MaxInt)
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: []*watch.Event{}}
	for _, ev := range events {
		shown := show(ev)
		if shown == nil {
			continue
		}
		// The page ends only when a further event matches, so that a NextCursor
		// never leads to an empty page. It stands right before that event, as far
		// from the end of the ring as it can.
		if len(page.Items) == limit {
			page.NextCursor = Cursor{epoch: l.epoch, seq: ev.Seq - 1}.String()
			return page, nil
		}
		page.Items = append(page.Items, shown)
	}
	return page, nil
}
