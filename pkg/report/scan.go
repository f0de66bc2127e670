package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// damagedEvent stands for an event of the history that cannot be read, or is missing.
// What it was is not known, so it may be one that the reader asked for. Those after it
// can be read.
type damagedEvent struct {
	seq uint64
	err error
}

func (e *damagedEvent) Error() string {
	return fmt.Sprintf("event %d cannot be read: %v", e.seq, e.err)
}
func (e *damagedEvent) Unwrap() error { return e.err }

// scan reads what follows a position and matches a filter, up to the newest event at
// the time that it began: from the history what the ring does not have, from the ring
// the rest.
type scan struct {
	ledger *Ledger
	filter Filter
	view   view
	// at is how far it has come, whether something matched or not.
	at, end Cursor
	// step is how many events are taken from the ring at a time; 0 stands for all of
	// them, in one look. Without a history that is how it has to be, unless the reader
	// wants to be told when it is too slow: a scan in steps could be overtaken by the
	// ring and fail for a reader that did nothing wrong.
	step int
	// few is how many events the reader probably takes, so that not many more are read
	// from the history; 0 if it takes all.
	few int
	// damaged is the first event that could not be read, missing how many there were.
	damaged error
	missing int
}

// ringStep is a compromise: a slow reader holds on to no more events than that.
const ringStep = 256

// scan begins one. Nothing is read until events is called.
func (l *Ledger) scan(after Cursor, f Filter, v view) *scan {
	s := &scan{ledger: l, filter: f, view: v, at: after, end: l.Newest()}
	if l.history != nil {
		s.step = ringStep
	}
	return s
}

// events yields what the reader wants to see, oldest first. A *damagedEvent may be
// passed over, any other error is the last: an *ExpiredError or the history's. Whoever
// breaks off may go on with another call, or from s.at.
func (s *scan) events(ctx context.Context) iter.Seq2[*watch.Event, error] {
	return func(yield func(*watch.Event, error) bool) {
		defer s.logDamage()
		for more := true; more; {
			events, err := s.ledger.Read(s.at, cmp.Or(s.step, math.MaxInt))
			switch {
			// The ring takes the zero Cursor for its own beginning.
			case s.ledger.history != nil && (err != nil || s.at == Cursor{}):
				more = s.fromHistory(ctx, yield)
			case err != nil:
				yield(nil, err)
				return
			default:
				more = s.fromRing(ctx, events, yield)
			}
		}
	}
}

// fromRing reports whether there is more to read. It lets go of what was shown.
func (s *scan) fromRing(ctx context.Context, events []*watch.Event, yield func(*watch.Event, error) bool) bool {
	for i, ev := range events {
		if s.step > 0 && ev.Seq > s.end.seq {
			return false
		}
		events[i] = nil
		s.at = s.ledger.After(ev)
		if !s.yield(ctx, ev, yield) {
			return false
		}
	}
	return s.step > 0 && len(events) > 0 && s.at.seq < s.end.seq
}

// fromHistory reads up to where the ring begins, and reports whether there is more.
func (s *scan) fromHistory(ctx context.Context, yield func(*watch.Event, error) bool) bool {
	upTo := s.ledger.ringBegins(s.end)
	if err := s.check(ctx); err != nil {
		yield(nil, err)
		return false
	}
	q := s.filter.kept()
	q.After, q.Before, q.Limit = s.at.seq, upTo.seq+1, s.few
	n := 0
	for ev, err := range s.ledger.history.Events(ctx, q) {
		if !s.show(ctx, ev, err, yield) {
			return false
		}
		n++
	}
	// With as many as were asked for, there may be more, and Apply may have wanted less.
	if s.few == 0 || n < s.few {
		s.at = upTo
	}
	return s.at.seq < s.end.seq
}

// check is for what the history does not know: cursors of others, and 0 as a position,
// which it takes for none.
func (s *scan) check(ctx context.Context) error {
	if s.at == (Cursor{}) || s.at.epoch == s.end.epoch && s.at.seq > 0 && s.at.seq <= s.end.seq {
		return nil
	}
	oldest, err := s.ledger.oldestKept(ctx)
	if err == nil && s.at != oldest {
		err = &ExpiredError{Oldest: oldest}
	}
	return err
}

// show reports whether to go on.
func (s *scan) show(ctx context.Context, ev watch.Event, err error, yield func(*watch.Event, error) bool) bool {
	if err != nil && (!errors.Is(err, store.ErrDamaged) || ev.Seq == 0) {
		yield(nil, s.ledger.failed(ctx, err))
		return false
	}
	s.at = s.ledger.After(&ev)
	if err != nil {
		return yield(nil, s.noteDamage(ev.Seq, err))
	}
	return s.yield(ctx, &ev, yield)
}

// yield shows of an event what the reader wants and may see, and reports whether to go
// on.
func (s *scan) yield(ctx context.Context, ev *watch.Event, yield func(*watch.Event, error) bool) bool {
	shown, err := s.view.event(ctx, s.filter.Apply(ev))
	if err != nil {
		yield(nil, err)
		return false
	}
	return shown == nil || yield(shown, nil)
}

func (s *scan) noteDamage(seq uint64, err error) error {
	damaged := &damagedEvent{seq: seq, err: err}
	if s.missing++; s.missing == 1 {
		s.damaged = damaged
	}
	return damaged
}

// logDamage says once what would be thousands of lines on a bad disk.
func (s *scan) logDamage() {
	if s.missing > 0 {
		s.ledger.log.Error("Events of the history cannot be read; whoever asked for them was told",
			"events", s.missing, "first", s.damaged)
	}
	s.missing = 0
}

// ringBegins is the position before the oldest event in the ring, and end if the ring
// begins after that.
func (l *Ledger) ringBegins(end Cursor) Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.oldest()
	return Cursor{epoch: l.epoch, seq: min(oldest.seq, end.seq)}
}
