package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// commitWindow is the least time between the beginnings of two commits, unless a
	// batch is full before: what comes meanwhile shares one sync of the disk.
	commitWindow = 20 * time.Millisecond
	// batchEntries and batchBytes make a batch full. The bytes are well below those
	// of the queue, so that it takes entries while a batch is committed.
	batchEntries = 1000
	batchBytes   = 4 << 20
	// The pauses while the disk is full.
	fullRetryMin = 250 * time.Millisecond
	fullRetryMax = 5 * time.Second
	// fullLogEvery is how often that is logged.
	fullLogEvery = time.Minute
)

var (
	// errFull is what a probe says: the store's own error names paths.
	errFull = errors.New("there is no space left for the history; changes wait until there is")
	// errGaveUp ends Run where waiting for space would hold up the end of the process.
	errGaveUp = errors.New("no space came in time")
)

// Run commits what is recorded. It returns nil once Close was called and everything
// is committed, and an error as soon as the store cannot go on; nothing is kept from
// then on. A full disk is no such error: what waits is tried again until it fits.
// The end of ctx does not end Run, since the monitors may still have something to
// record; it says only that there is no more time to wait for space.
func (r *Recorder) Run(ctx context.Context) error {
	err := r.commitAll(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.depth
	r.ended = true
	r.queue, r.queueBytes, r.bytes, r.depth = nil, 0, 0, 0
	r.room.Broadcast()
	switch {
	case errors.Is(err, errGaveUp):
		r.opts.Log.Error("No space was left for the history at the end; the next start asks the API server for these changes again",
			"changes", lost)
		return nil
	case err != nil:
		return fmt.Errorf("keeping the history: %w (%d changes were not kept; start again: "+
			"what is damaged is found then, and the API server is asked for what is missing)", err, lost)
	}
	return nil
}

func (r *Recorder) commitAll(ctx context.Context) error {
	var began time.Time
	for {
		entries := r.gather(began.Add(commitWindow))
		if entries == nil {
			return nil
		}
		began = time.Now()
		batch := newBatch(entries, r.opts.Ledger.Newest().seq)
		if err := r.commit(ctx, batch); err != nil {
			return err
		}
		r.opts.Ledger.publish(batch.Events)
		r.tell(entries)
		r.release(entries)
	}
}

// tell hands on what is kept.
func (r *Recorder) tell(entries []queued) {
	if r.opts.Kept == nil {
		return
	}
	kept := make([]watch.Entry, len(entries))
	for i := range entries {
		kept[i] = entries[i].Entry
	}
	r.opts.Kept(kept)
}

// gather waits until due, or until a batch is full, and returns the next entries; nil
// when no more come.
func (r *Recorder) gather(due time.Time) []queued {
	for {
		entries, wait, end := r.take(due)
		if entries != nil || end {
			return entries
		}
		var window <-chan time.Time
		if wait > 0 {
			window = time.After(wait)
		}
		select {
		case <-r.arrived:
		case <-window:
		}
	}
}

// take returns the next entries if it is time for them, and otherwise how long to
// wait: 0 is until something comes.
func (r *Recorder) take(due time.Time) (entries []queued, wait time.Duration, end bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil, 0, r.closed
	}
	if wait := time.Until(due); wait > 0 && !r.closed && !r.batchFull() {
		return nil, wait, false
	}
	n, size := 0, int64(0)
	for n < len(r.queue) && n < batchEntries && (n == 0 || size+r.queue[n].size <= batchBytes) {
		size += r.queue[n].size
		n++
	}
	entries = r.queue[:n:n]
	r.queue = r.queue[n:]
	r.queueBytes -= size
	return entries, 0, false
}

// batchFull is called with mu held.
func (r *Recorder) batchFull() bool {
	return len(r.queue) >= batchEntries || r.queueBytes >= batchBytes
}

// release makes room for as much as was committed.
func (r *Recorder) release(entries []queued) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range entries {
		r.bytes -= entries[i].size
		// The queue may share the array.
		entries[i] = queued{}
	}
	r.depth -= len(entries)
	r.room.Broadcast()
}

// commit keeps b, however long there is no space for it, unless ctx ends.
func (r *Recorder) commit(ctx context.Context, b store.Batch) error {
	var logged time.Time
	for pause := fullRetryMin; ; pause = min(2*pause, fullRetryMax) {
		last := ctx.Err() != nil
		err := r.try(ctx, b)
		if !errors.Is(err, store.ErrFull) {
			r.setFull(nil)
			return err
		}
		r.setFull(errFull)
		if last {
			return errGaveUp
		}
		if time.Since(logged) >= fullLogEvery {
			logged = time.Now()
			r.opts.Log.Error("No space left for the history; changes wait until there is", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// try commits once. The end of ctx is no reason to give up a batch.
func (r *Recorder) try(ctx context.Context, b store.Batch) error {
	began := time.Now()
	r.setCommitting(began)
	defer r.setCommitting(time.Time{})
	err := r.opts.Store.Commit(context.WithoutCancel(ctx), b)
	if err == nil && r.opts.Metrics != nil {
		r.opts.Metrics.committed(time.Now(), time.Since(began))
	}
	return err
}

func (r *Recorder) setCommitting(began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committing = began
}

func (r *Recorder) setFull(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = err
}
