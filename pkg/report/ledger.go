package report

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// The bounds of a Ledger that is not told others.
const (
	DefaultMaxEvents = 100_000
	DefaultMaxBytes  = 64 << 20
)

// LedgerOptions are the settings of a Ledger. The zero value is ready to use.
type LedgerOptions struct {
	// MaxEvents and MaxBytes bound the ring; the first one that is reached counts.
	// The bytes are approximate. 0 stands for the default.
	MaxEvents int
	MaxBytes  int64
	// Base is the sequence number before the first: events are numbered Base+1,
	// Base+2, … A terminal leaves it at 0. A server without a durable history
	// that hands out plain sequence numbers (the ids of SSE) passes its start time
	// in microseconds, so that an id of an earlier process lies before every one
	// of its own and is answered as expired. It stays below 2^53, the largest
	// integer that JavaScript reads exactly, until the year 2255. With a History it
	// is not looked at: store.Options.Base is what that one begins with.
	Base uint64
	// Observe, when set, is called with each event after it was recorded, by the
	// goroutine that recorded it and under no lock. It must not block.
	Observe func(*watch.Event)
	// History has the events that are older than the ring. The Ledger goes on with its
	// epoch and its numbers, and only a Recorder that writes the same history may give
	// it events. Nil: what leaves the ring is gone.
	History History
	// Log takes what is found damaged in the History; nil discards it.
	Log *slog.Logger
}

// Ledger gives each Event its sequence number, without holes, and keeps the newest.
// Readers pull from it by Cursor: nothing that a reader
// does or fails to do can hold up Record. The events that it returns are shared by
// everyone and read-only.
type Ledger struct {
	maxEvents int
	maxBytes  int64
	observe   func(*watch.Event)
	history   History
	log       *slog.Logger
	epoch     uint64
	// closed is what Wake returns when there is something to read already.
	closed chan struct{}

	mu   sync.Mutex
	ring ring
	last uint64
	// wake is closed by the next Record; nil while nobody waits, so that an
	// unwatched ledger allocates no channels.
	wake chan struct{}
}

// NewLedger returns an empty Ledger with an epoch of its own, and OpenLedger one that
// goes on with a History.
func NewLedger(opts LedgerOptions) *Ledger {
	l := &Ledger{
		maxEvents: cmp.Or(max(0, opts.MaxEvents), DefaultMaxEvents),
		maxBytes:  cmp.Or(max(0, opts.MaxBytes), DefaultMaxBytes),
		observe:   opts.Observe,
		log:       cmp.Or(opts.Log, slog.New(slog.DiscardHandler)),
		epoch:     newEpoch(),
		closed:    make(chan struct{}),
		last:      opts.Base,
	}
	close(l.closed)
	return l
}

// newEpoch is random, and never 0: that is the epoch of the zero Cursor.
func newEpoch() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return max(1, binary.BigEndian.Uint64(b[:]))
}

// Record appends ev. It never waits for a reader.
func (l *Ledger) Record(ev watch.Event) {
	l.append([]entry{{ev: &ev, size: eventSize(&ev)}}, true)
}

// publish is Record for events that are in the history, with their numbers, which
// must follow those of the ledger. It keeps the slice. Readers see all of them at
// once.
func (l *Ledger) publish(events []watch.Event) {
	entries := make([]entry, 0, len(events))
	for i := range events {
		entries = append(entries, entry{ev: &events[i], size: eventSize(&events[i])})
	}
	l.append(entries, false)
}

func (l *Ledger) append(entries []entry, number bool) {
	wake := l.push(entries, number)
	if wake != nil {
		close(wake)
	}
	if l.observe == nil {
		return
	}
	for i := range entries {
		l.observe(entries[i].ev)
	}
}

// push returns the channel that the readers wait on, to be closed outside the lock.
func (l *Ledger) push(entries []entry, number bool) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.last++
		if number {
			e.ev.Seq = l.last
		}
		for l.ring.n > 0 && (l.ring.n >= l.maxEvents || l.ring.bytes+e.size > l.maxBytes) {
			l.ring.pop()
		}
		l.ring.push(e)
	}
	if len(entries) == 0 {
		return nil
	}
	wake := l.wake
	l.wake = nil
	return wake
}

// Newest returns the Cursor behind the newest event: what follows is yet to come.
func (l *Ledger) Newest() Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Cursor{epoch: l.epoch, seq: l.last}
}

// Read returns up to n events that follow after, oldest first, and none when there
// are none yet. It does not block, and looks at the ring alone: Events looks at the
// History, too. The error is an *ExpiredError.
func (l *Ledger) Read(after Cursor, n int) ([]*watch.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, err := l.offset(after)
	if err != nil {
		return nil, err
	}
	return l.ring.slice(from, from+min(n, l.ring.n-from)), nil
}

// Wake returns a channel that is closed as soon as Read(after, …) has something to
// say, be it an error; so it is for a position that only the History has.
func (l *Ledger) Wake(after Cursor) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from, err := l.offset(after); err != nil || from < l.ring.n {
		return l.closed
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}

// Next is Read for a caller with nothing else to do: it waits for the first event.
func (l *Ledger) Next(ctx context.Context, after Cursor, n int) ([]*watch.Event, error) {
	select {
	case <-l.Wake(after):
		return l.Read(after, n)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// After returns the Cursor behind ev, which must be an event of this ledger.
func (l *Ledger) After(ev *watch.Event) Cursor {
	return Cursor{epoch: l.epoch, seq: ev.Seq}
}

// oldest stands before the oldest event in the ring.
func (l *Ledger) oldest() Cursor {
	return Cursor{epoch: l.epoch, seq: l.last - uint64(l.ring.n)}
}

// offset returns the position in the ring of the first event that follows c.
func (l *Ledger) offset(c Cursor) (int, error) {
	if c == (Cursor{}) {
		return 0, nil
	}
	oldest := l.oldest()
	if c.epoch != l.epoch || c.seq < oldest.seq || c.seq > l.last {
		return 0, &ExpiredError{Oldest: oldest}
	}
	return int(c.seq - oldest.seq), nil
}

// inRing reports whether nothing that follows c has left the ring.
func (l *Ledger) inRing(c Cursor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.offset(c)
	return err == nil
}

// aliveProbe is how often Alive looks again at a lock that is taken.
const aliveProbe = time.Millisecond

// Alive reports whether the ledger still takes events, and changes nothing. It tries
// the lock instead of waiting for it: a goroutine that waits on a lock that is never
// released could not be ended, and each probe would leave one behind.
func (l *Ledger) Alive(ctx context.Context) error {
	for !l.mu.TryLock() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the ledger: %w", ctx.Err())
		case <-time.After(aliveProbe):
		}
	}
	l.mu.Unlock()
	return nil
}
