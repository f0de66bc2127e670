package report

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// History is what a Ledger reads of the events that were kept: *store.SQLite.
type History interface {
	// Events, FirstSeq and LastSeq are those of store.Reader.
	Events(ctx context.Context, q store.Query) iter.Seq2[watch.Event, error]
	FirstSeq(ctx context.Context) (uint64, error)
	LastSeq(ctx context.Context) (uint64, error)
	// Epoch identifies the history, and is never 0.
	Epoch() uint64
}

// OpenLedger returns a Ledger that goes on where its History ends.
func OpenLedger(ctx context.Context, opts LedgerOptions) (*Ledger, error) {
	l := NewLedger(opts)
	if opts.History == nil {
		return l, nil
	}
	last, err := opts.History.LastSeq(ctx)
	if err != nil {
		return nil, err
	}
	l.history, l.epoch, l.last = opts.History, opts.History.Epoch(), last
	return l, nil
}

// beginning is where a reader starts who follows from whatever is left. Without a
// history that is the zero Cursor, which cannot expire before it is used, unless there
// is nothing to read yet.
func (l *Ledger) beginning(ctx context.Context) (Cursor, error) {
	if l.history != nil {
		return l.oldestKept(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ring.n > 0 {
		return Cursor{}, nil
	}
	return Cursor{epoch: l.epoch, seq: l.last}, nil
}

// oldestKept stands before the oldest event that can be read, wherever that is.
func (l *Ledger) oldestKept(ctx context.Context) (Cursor, error) {
	if l.history == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.oldest(), nil
	}
	first, err := l.history.FirstSeq(ctx)
	if err != nil {
		return Cursor{}, l.failed(ctx, err)
	}
	return Cursor{epoch: l.epoch, seq: first - 1}, nil
}

// historyOpen returns nil when the history can be read. Why it cannot is in the log:
// the error names paths.
func (l *Ledger) historyOpen(ctx context.Context) error {
	if l.history == nil {
		return nil
	}
	if _, err := l.history.LastSeq(ctx); err != nil {
		return errors.New("the history cannot be read")
	}
	return nil
}

// Cursor returns the position that s stands for: a Cursor's string, or a plain
// sequence number of this process or its history. What follows it can be read. The
// error is an *ExpiredError, or the history's.
func (l *Ledger) Cursor(ctx context.Context, s string) (Cursor, error) {
	c, ok := parseCursor(s, l.epoch)
	oldest, err := l.oldestKept(ctx)
	if err != nil {
		return Cursor{}, err
	}
	// A zero Cursor is a value of this package, not something a client can hold.
	if !ok || c.epoch != l.epoch || c.seq < oldest.seq || c.seq > l.Newest().seq {
		return Cursor{}, &ExpiredError{Oldest: oldest}
	}
	return c, nil
}

// Resume is Cursor for a client that reconnects by itself: with the cursor that it
// first came with, if any, and the id of the last event that it saw. The id is where
// it stands; the cursor tells whether the id, a plain sequence number, is of this
// ledger.
func (l *Ledger) Resume(ctx context.Context, cursor, lastEventID string) (Cursor, error) {
	if lastEventID == "" {
		return l.Cursor(ctx, cursor)
	}
	if c, ok := parseCursor(cursor, l.epoch); cursor != "" && (!ok || c.epoch != l.epoch) {
		return l.Cursor(ctx, cursor)
	}
	return l.Cursor(ctx, lastEventID)
}

// failed turns an error of the history into what a reader is told. Whoever asked over
// HTTP is not told more than that there was one, so this is where it is written down.
func (l *Ledger) failed(ctx context.Context, err error) error {
	var gone *store.ExpiredError
	if errors.As(err, &gone) {
		return &ExpiredError{Oldest: Cursor{epoch: l.epoch, seq: gone.Oldest - 1}}
	}
	if ctx.Err() == nil {
		l.log.Error("Reading the history failed", "err", err)
	}
	return fmt.Errorf("reading the history: %w", err)
}

// kept asks the history for what f may let through. Apply has the last word: it also
// knows what of an event is wanted.
func (f Filter) kept() store.Query {
	q := store.Query{
		Resource: f.Resource, Name: f.Name, Type: f.Type, Manager: f.Manager, Since: f.Since, Until: f.Until,
	}
	switch f.Namespace {
	case "":
	case NoNamespace:
		q.Namespace = new(string)
	default:
		q.Namespace = &f.Namespace
	}
	return q
}
