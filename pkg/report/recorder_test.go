package report

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// disk is a Committer that a test can hold up, and make fail.
type disk struct {
	// hold, when not nil, gives each commit its result.
	hold chan error

	mu      sync.Mutex
	batches []store.Batch
	at      []time.Time
	err     error
}

func (d *disk) Commit(ctx context.Context, b store.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	d.at = append(d.at, time.Now())
	err := d.err
	d.mu.Unlock()
	if d.hold != nil {
		err = <-d.hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.batches = append(d.batches, b)
	}
	return err
}

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// kept returns the sequence numbers of each batch.
func (d *disk) kept() [][]uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out [][]uint64
	for _, b := range d.batches {
		batch := []uint64{}
		for _, ev := range b.Events {
			batch = append(batch, ev.Seq)
		}
		out = append(out, batch)
	}
	return out
}

func (d *disk) begun() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Time{}, d.at...)
}

// recording is a Recorder that runs, in the bubble of a test.
type recording struct {
	*Recorder
	ledger *Ledger
	ended  chan error
}

func startRecording(ctx context.Context, c Committer, opts RecorderOptions) *recording {
	r := &recording{ledger: NewLedger(LedgerOptions{Base: 100}), ended: make(chan error, 1)}
	opts.Ledger, opts.Store = r.ledger, c
	r.Recorder = NewRecorder(opts)
	go func() { r.ended <- r.Run(ctx) }()
	return r
}

// stop closes the Recorder and fails the test if it did not end well.
func (r *recording) stop(t *testing.T) {
	t.Helper()
	r.Close()
	if err := <-r.ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// one is an entry with n events of an object.
func one(name string, n int) watch.Entry {
	e := watch.Entry{Checkpoint: watch.Checkpoint{Resource: "crd", CRD: certificates.Name(), Position: name}}
	for i := range n {
		e.Events = append(e.Events, modified(name, i))
	}
	return e
}

func TestEventsAreSeenOnlyOnceTheyAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hold: make(chan error)}
		r := startRecording(t.Context(), d, RecorderOptions{})
		start := r.ledger.Newest()
		wake := r.ledger.Wake(start)
		r.Record(one("a", 2))
		synctest.Wait() // the commit runs
		select {
		case <-wake:
			t.Error("readers are woken before the commit is done")
		default:
		}
		if got := read(t, r.ledger, start); len(got) > 0 {
			t.Errorf("%v can be seen before the commit is done", got)
		}
		d.hold <- nil
		<-wake
		if d := cmp.Diff([]uint64{101, 102}, read(t, r.ledger, start)); d != "" {
			t.Error(d)
		}
		r.stop(t)
	})
}

func TestNumbersGoOnWithoutHolesWhateverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hold: make(chan error)}
		r := startRecording(t.Context(), d, RecorderOptions{})
		r.Record(one("a", 2))
		for _, err := range []error{store.ErrFull, fmt.Errorf("committing: %w", store.ErrFull), nil} {
			d.hold <- err
		}
		r.Record(one("b", 1))
		d.hold <- nil
		r.stop(t)
		if diff := cmp.Diff([][]uint64{{101, 102}, {103}}, d.kept()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]uint64{101, 102, 103}, read(t, r.ledger, Cursor{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCommitsAreGrouped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		r := startRecording(t.Context(), d, RecorderOptions{})
		start := time.Now()
		r.Record(one("at once", 1))
		synctest.Wait()
		for range 3 {
			r.Record(one("within the window", 1))
			<-time.After(5 * time.Millisecond)
		}
		<-time.After(time.Second)
		r.Record(one("after a pause", 1))
		synctest.Wait()
		for range batchEntries {
			r.Record(one("a full batch", 1))
		}
		synctest.Wait() // does not wait for the window
		var at []time.Duration
		for _, t := range d.begun() {
			at = append(at, t.Sub(start))
		}
		late := 15*time.Millisecond + time.Second
		want := []time.Duration{0, commitWindow, late, late}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
		r.stop(t)
	})
}

func TestFullQueueHoldsTheMonitorUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hold: make(chan error)}
		e := one("a", 1)
		r := startRecording(t.Context(), d, RecorderOptions{MaxBytes: 3*entrySize(&e) + 1})
		recorded := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 10 {
				r.Record(one("a", 1))
				recorded++
			}
		}()
		synctest.Wait()
		if depth, bytes := r.QueueStats(); recorded != 3 || depth != 3 || bytes != 3*entrySize(&e) {
			t.Errorf("%d recorded, %d wait with %d bytes", recorded, depth, bytes)
		}
		close(d.hold) // every commit succeeds from now on
		<-done
		r.stop(t)
		if depth, bytes := r.QueueStats(); depth != 0 || bytes != 0 {
			t.Errorf("at the end %d wait with %d bytes", depth, bytes)
		}
		if n := len(read(t, r.ledger, Cursor{})); n != 10 {
			t.Errorf("%d of 10", n)
		}
	})
}

func TestEntryLargerThanTheQueueGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		r := startRecording(t.Context(), d, RecorderOptions{MaxBytes: 1})
		for range 3 {
			r.Record(one("large", 1))
		}
		r.stop(t)
		if diff := cmp.Diff([][]uint64{{101}, {102}, {103}}, d.kept()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCloseKeepsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hold: make(chan error, 100)}
		ctx, cancel := context.WithCancel(t.Context())
		r := startRecording(ctx, d, RecorderOptions{})
		r.Record(one("in work", 1))
		synctest.Wait()
		cancel() // the monitors are ending, and have something to say
		for range batchEntries + 1 {
			r.Record(one("waits", 1))
		}
		for range 3 {
			d.hold <- nil
		}
		r.stop(t)
		kept := d.kept()
		if len(kept) != 3 || len(kept[1]) != batchEntries || len(kept[2]) != 1 {
			t.Errorf("%d batches", len(kept))
		}
	})
}

func TestRecorderWithoutAStoreRecordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRecording(t.Context(), nil, RecorderOptions{})
		r.Record(one("a", 2))
		if d := cmp.Diff([]uint64{101, 102}, read(t, r.ledger, Cursor{})); d != "" {
			t.Error(d)
		}
		r.stop(t)
	})
}
