package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// pageSize is how many rows are read at once.
const pageSize = 256

// eventSQL selects events where a condition holds.
func eventSQL(condition string) string {
	return eventsSQL("events", condition)
}

// eventsSQL is eventSQL for one of the tables that have the columns of events.
func eventsSQL(table, condition string) string {
	return `SELECT e.seq, e.time, e.type, e.kind, e.resource, e.object, e.namespace, e.uid, e.sum, e.body,
coalesce(k.grp, ''), coalesce(k.version, ''), coalesce(k.resource, ''), coalesce(k.kind, ''), coalesce(k.sum, 0)
FROM ` + table + ` e LEFT JOIN kinds k ON k.id = e.kind WHERE ` + condition
}

// foundEvent is a row that was read: an event, or why there is none.
type foundEvent struct {
	watch.Event
	seq      int64
	managers []string
	err      error
}

func readEvents(ctx context.Context, q querier, query string, args ...any) ([]foundEvent, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []foundEvent
	for rows.Next() {
		found = append(found, readEvent(rows))
	}
	return found, rows.Err()
}

// readEvent verifies and decodes a row. An event that cannot be told is not left
// out: its place is.
func readEvent(rows *sql.Rows) foundEvent {
	var r eventRow
	var sum, kind int64
	err := rows.Scan(&r.seq, &r.time, &r.typ, &r.kind, &r.resource, &r.object, &r.namespace, &r.uid, &sum, &r.body,
		&r.ref.Group, &r.ref.Version, &r.ref.Resource, &r.ref.Kind, &kind)
	if err == nil && (sum != r.sum() || kind != kindSum(r.kind, r.ref)) {
		err = errSum
	}
	var ev watch.Event
	if err == nil {
		ev, err = r.event()
	}
	if err != nil {
		err = damagedf(fmt.Sprintf("event %d", r.seq), "%w", err)
		return foundEvent{Event: watch.Event{Seq: uint64(r.seq)}, seq: r.seq, err: err}
	}
	return foundEvent{Event: ev, seq: r.seq, managers: ev.Managers}
}

// Events returns what q asks for, as of when the iteration began, or later. An error
// ends it, with one exception: an ErrDamaged with an event that has nothing but its
// Seq stands for one that cannot be read, or is missing, and whoever goes on gets
// those that follow. The error is an *ExpiredError when q.After is past retention or
// was never given, and when retention overtakes a reader.
func (r *Reader) Events(ctx context.Context, q Query) iter.Seq2[watch.Event, error] {
	return func(yield func(watch.Event, error) bool) {
		s := search{reader: r, q: q}
		if err := s.begin(ctx); err != nil {
			yield(watch.Event{}, err)
			return
		}
		for !s.done {
			page, err := s.next(ctx)
			if err != nil {
				yield(watch.Event{}, err)
				return
			}
			for _, found := range page {
				if !yield(found.Event, found.err) {
					return
				}
			}
		}
	}
}

// search is the state of one iteration.
type search struct {
	reader *Reader
	q      Query
	arm    arm
	// What is still to be read lies between these two.
	after, before int64
	begun, done   bool
	size, given   int
}

func (s *search) begin(ctx context.Context) error {
	s.after, s.before = clamp(s.q.After), math.MaxInt64
	if s.q.Before > 0 {
		s.before = clamp(s.q.Before)
	}
	s.size = pageSize
	if s.q.Limit > 0 {
		s.size = min(s.q.Limit, pageSize)
	}
	err := s.reader.snapshot(ctx, func(tx *sql.Tx) error {
		if err := s.checkCursor(ctx, tx); err != nil {
			return err
		}
		if err := s.narrowTime(ctx, tx); err != nil {
			return err
		}
		return s.chooseArm(ctx, tx)
	})
	return s.wrap(err)
}

func (s *search) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading the events in %s: %w", s.reader.path, s.reader.suspect(err))
}

func clamp(seq uint64) int64 { return int64(min(seq, math.MaxInt64)) }

// checkCursor makes sure that what follows s.after is there.
func (s *search) checkCursor(ctx context.Context, tx *sql.Tx) error {
	h, err := readHistory(ctx, tx)
	if err != nil {
		return err
	}
	if !s.begun && s.q.After == 0 {
		s.after = h.first - 1
	}
	// Newest first, retention takes from the end that the reader may never reach.
	overtaken := s.after < h.first-1 && (!s.begun || !s.q.Newest)
	if overtaken || s.after > h.last && s.q.After > 0 && !s.begun {
		return &ExpiredError{Oldest: uint64(h.first)}
	}
	s.begun = true
	return nil
}

// narrowTime turns a range of time into one of sequence numbers.
func (s *search) narrowTime(ctx context.Context, tx *sql.Tx) error {
	if s.q.Since.IsZero() && s.q.Until.IsZero() {
		return nil
	}
	first, last, err := readMinutes(ctx, tx, s.q.Since, s.q.Until)
	if err != nil {
		return err
	}
	s.after = max(s.after, first-1)
	s.before = min(s.before, last+1)
	return nil
}

// minuteOf is the key of the table minutes.
func minuteOf(micros int64) int64 {
	minute := time.Minute.Microseconds()
	if micros < 0 {
		return (micros+1)/minute - 1
	}
	return micros / minute
}

func minuteSum(minute, first, last int64) int64 { return sumMinute.int(minute, first, last).value() }

// readMinutes returns the lowest and the highest number of an event that may lie
// between two times. Without any, the range is empty.
func readMinutes(ctx context.Context, q querier, since, until time.Time) (first, last int64, err error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !since.IsZero() {
		from = minuteOf(since.UnixMicro())
	}
	if !until.IsZero() {
		to = minuteOf(until.UnixMicro())
	}
	rows, err := q.QueryContext(ctx, "SELECT minute, first, last, sum FROM minutes WHERE minute BETWEEN ? AND ?", from, to)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	first = math.MaxInt64
	for rows.Next() {
		var minute, lo, hi, sum int64
		if err := rows.Scan(&minute, &lo, &hi, &sum); err != nil {
			return 0, 0, damagedf("the table of minutes", "%w", err)
		}
		if sum != minuteSum(minute, lo, hi) {
			return 0, 0, damagedf("the table of minutes", "%w", errSum)
		}
		first, last = min(first, lo), max(last, hi)
	}
	return first, last, rows.Err()
}

// next reads a page and returns what of it the reader wants.
func (s *search) next(ctx context.Context) ([]foundEvent, error) {
	var page []foundEvent
	err := s.reader.snapshot(ctx, func(tx *sql.Tx) error {
		err := s.checkCursor(ctx, tx)
		if err != nil {
			return err
		}
		query, args := s.arm.page(s.after, s.before, s.size, s.q.Newest)
		page, err = readEvents(ctx, tx, query, args...)
		return err
	})
	if err != nil {
		return nil, s.wrap(err)
	}
	if len(page) < s.size {
		s.done = true
	}
	// A reader that wants few gets them soon, and one that few match is not held up.
	s.size = min(2*s.size, pageSize)
	return s.pick(page), nil
}

func (s *search) pick(page []foundEvent) []foundEvent {
	var wanted []foundEvent
	for _, found := range page {
		if missing := s.missing(found.seq); missing != nil {
			wanted = append(wanted, *missing)
		}
		s.move(found.seq)
		if found.err == nil && !s.q.matches(&found.Event) {
			continue
		}
		wanted = append(wanted, found)
		s.given++
		if s.q.Limit > 0 && s.given == s.q.Limit {
			s.done = true
			return wanted
		}
	}
	return wanted
}

func (s *search) move(seq int64) {
	if s.q.Newest {
		s.before = seq
	} else {
		s.after = seq
	}
}

// missing sees holes, which only a search for everything can. The history has none:
// pages must have been damaged so that rows are not found.
func (s *search) missing(seq int64) *foundEvent {
	want := s.after + 1
	if s.q.Newest {
		want = s.before - 1
	}
	if seq == want || !s.q.everything() || s.q.Newest && s.before == math.MaxInt64 {
		return nil
	}
	err := damagedf(fmt.Sprintf("event %d", want), "it is missing, and what follows up to event %d", seq)
	return &foundEvent{Event: watch.Event{Seq: uint64(want)}, err: err}
}

// snapshot runs read in a transaction, so that all it reads is of one moment.
func (r *Reader) snapshot(ctx context.Context, read func(*sql.Tx) error) error {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	err = read(tx)
	// Nothing was written, so nothing is lost whatever it says.
	_ = tx.Rollback()
	return err
}
