package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unsafe"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Committer keeps batches, each whole or not at all: *store.SQLite. When Commit
// returns nil, the batch survives a crash. A store.ErrFull may be tried again.
type Committer interface {
	Commit(ctx context.Context, b store.Batch) error
}

// DefaultQueueBytes bounds the queue of a Recorder that is not told otherwise.
const DefaultQueueBytes = 16 << 20

// stuckAfter is how long a commit may run before the writer counts as stuck.
const stuckAfter = time.Minute

// RecorderOptions are the settings of a Recorder. Only Ledger is required.
type RecorderOptions struct {
	// Ledger shows the events once they are kept. With a Store, nobody else may
	// record in it, and its history is what the Store writes.
	Ledger *Ledger
	// Store keeps the entries. Nil keeps them nowhere: events go to the Ledger at
	// once.
	Store Committer
	// MaxBytes is what may wait for a commit, or be in one, before Record blocks.
	// The bytes are approximate. 0 stands for DefaultQueueBytes.
	MaxBytes int64
	// Kept, if set, is called with entries once they are kept and their events are in
	// the Ledger, in the order in which they came (per resource, without a Store). It
	// must not block, nor keep the slice. Without a Store it is called concurrently.
	Kept func([]watch.Entry)
	// Log and Metrics may be nil.
	Log     *slog.Logger
	Metrics *Metrics
}

// Recorder is the watch.Sink of a server: it gathers entries into batches, commits
// them, and only then gives their events to the Ledger. So no reader has ever seen an
// event, or a sequence number, that a crash could undo.
type Recorder struct {
	opts RecorderOptions
	// arrived is told that the queue has something that Run may be waiting for.
	arrived chan struct{}

	mu sync.Mutex
	// room is told that less is waiting, or that nothing is kept any more.
	room  sync.Cond
	queue []queued
	// queueBytes are those of the queue, bytes and depth count the batch that is
	// being committed as well.
	queueBytes, bytes int64
	depth             int
	closed, ended     bool
	// committing is when the commit that runs began; zero while none does.
	committing time.Time
	// full is why what waits cannot be kept at the moment.
	full error
}

// queued is an entry with its approximate size.
type queued struct {
	watch.Entry
	size int64
}

// NewRecorder returns a Recorder that takes entries; Run commits them.
func NewRecorder(opts RecorderOptions) *Recorder {
	opts.MaxBytes = cmp.Or(opts.MaxBytes, DefaultQueueBytes)
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	r := &Recorder{opts: opts, arrived: make(chan struct{}, 1)}
	r.room.L = &r.mu
	return r
}

// Record implements watch.Sink. It blocks while too much waits: the monitor then reads
// no further, and in the end the API server sends no more. Once Run has returned, it
// drops what it is given: nothing of that was committed, so the next process resumes
// before it.
func (r *Recorder) Record(e watch.Entry) {
	if r.opts.Store == nil {
		for i := range e.Events {
			r.opts.Ledger.Record(e.Events[i])
		}
		if r.opts.Kept != nil {
			r.opts.Kept([]watch.Entry{e})
		}
		return
	}
	if r.enqueue(queued{Entry: e, size: entrySize(&e)}) {
		select {
		case r.arrived <- struct{}{}:
		default: // it knows already
		}
	}
}

// enqueue reports whether Run has to look at the queue because of this entry.
func (r *Recorder) enqueue(q queued) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	// One that is larger than the bound goes alone.
	for !r.ended && r.bytes > 0 && r.bytes+q.size > r.opts.MaxBytes {
		r.room.Wait()
	}
	if r.ended {
		return false
	}
	was := r.batchFull()
	r.queue = append(r.queue, q)
	r.queueBytes += q.size
	r.bytes += q.size
	r.depth++
	return len(r.queue) == 1 || r.batchFull() != was
}

// Close says that no more entries come: Run commits those that wait and returns. It
// does not wait for that.
func (r *Recorder) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	select {
	case r.arrived <- struct{}{}:
	default:
	}
}

// QueueStats returns the entries that are not committed yet, and their bytes.
func (r *Recorder) QueueStats() (depth int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.depth, r.bytes
}

// Alive returns nil unless nothing can be kept any more: because Run has ended before
// its time, or because a commit does not come back.
func (r *Recorder) Alive() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended && !r.closed {
		return errors.New("the writer of the history has ended")
	}
	if since := time.Since(r.committing); !r.committing.IsZero() && since > stuckAfter {
		return fmt.Errorf("a commit has been running for %s", since.Round(time.Second))
	}
	return nil
}

// Ready returns nil unless what comes in cannot be kept at the moment. The reason may
// be read by anyone: it names nothing of the cluster.
func (r *Recorder) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// entrySize estimates what an entry keeps alive while it waits.
func entrySize(e *watch.Entry) int64 {
	const shallow = 512
	size := int64(shallow)
	for i := range e.Events {
		size += eventSize(&e.Events[i])
	}
	if e.Counts != nil {
		size += int64(len(e.Counts.List)) * int64(unsafe.Sizeof(watch.Count{}))
	}
	for _, o := range []*watch.Record{e.Object, e.Old} {
		if o != nil {
			size += int64(o.Size())
		}
	}
	return size
}
