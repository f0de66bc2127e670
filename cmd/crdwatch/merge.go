package main

import (
	"iter"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// head is what one timeline has next.
type head struct {
	ev   watch.Event
	err  error
	ok   bool
	next func() (watch.Event, error, bool)
}

func (h *head) advance() { h.ev, h.err, h.ok = h.next() }

// merge joins timelines of one history. An error that ends one has no Seq, so that it
// comes next and ends all.
func merge(all []timeline) timeline {
	if len(all) == 1 {
		return all[0]
	}
	return func(yield func(watch.Event, error) bool) {
		heads := make([]head, len(all))
		for i := range all {
			next, stop := iter.Pull2(all[i])
			defer stop()
			heads[i].next = next
			heads[i].advance()
		}
		for last := uint64(0); ; {
			first := earliest(heads)
			if first == nil {
				return
			}
			// A damaged event may stand in several timelines: of what it was is not known.
			seen := first.ev.Seq > 0 && first.ev.Seq == last
			last = first.ev.Seq
			if !seen && !yield(first.ev, first.err) || !readable(&first.ev, first.err) {
				return
			}
			first.advance()
		}
	}
}

func earliest(heads []head) *head {
	var first *head
	for i := range heads {
		if heads[i].ok && (first == nil || heads[i].ev.Seq < first.ev.Seq) {
			first = &heads[i]
		}
	}
	return first
}

// newest leaves of a timeline the last events, so many, and what is damaged among
// them. 0 stands for all. It holds twice as many.
func newest(limit int, events timeline) timeline {
	if limit == 0 {
		return events
	}
	return func(yield func(watch.Event, error) bool) {
		var kept []head
		good := 0
		for ev, err := range events {
			kept = append(kept, head{ev: ev, err: err})
			if err == nil {
				good++
			}
			for good > limit {
				if kept[0].err == nil {
					good--
				}
				kept[0] = head{}
				kept = kept[1:]
			}
		}
		for i := range kept {
			if !yield(kept[i].ev, kept[i].err) {
				return
			}
		}
	}
}
