package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// feed is the dynamic client that one informer sees, and the only place that knows
// the state of a watch.
//
// client-go's reflector tells nobody about errors in the middle of a stream, lists
// everything again after errors from which it could have resumed, and backs off in
// ways that cannot be set. So the feed gives it one watch that does not end, and
// renews the real ones itself. Two things get through: an end before the initial
// objects are complete, and "410 Gone", which is also said where the objects are to be
// compared for another reason. The reflector answers both by asking for everything
// again, which is right.
type feed struct {
	clients *Clients
	gate    *gate
	timing  Timing
	host    host
	// crd identifies the CRD whose objects these are; empty for the CRDs
	// themselves, which have no CRD.
	crd    string
	crdUID types.UID

	// scope is what is watched, as a Checkpoint says it.
	scope string
	// budgeted: somebody sees to it that whole objects are kept again when there is room.
	budgeted bool
	// censuses and comparisons are requests to the pump of a live watch.
	censuses    chan chan<- tally
	comparisons chan struct{}

	marks  atomic.Uint64
	listed atomic.Int64 // objects of the initial list so far
	// settling: the handler has not all of a list yet, or of a memory (see tellSynced).
	settling atomic.Bool
	pumps    sync.WaitGroup

	mu       sync.Mutex
	target   target
	shape    shape
	changed  chan struct{} // closed and replaced whenever target or retiring changes
	retiring bool
	// memory is what an earlier process kept, until the first pump has replayed it.
	memory *memory
	// resuming: it has been replayed, and what was missed meanwhile is not all in yet.
	resuming bool
	// checkFirst: the very first watch too must prove that it is the CRD's.
	checkFirst bool
	// position is the resourceVersion up to which everything was delivered, and
	// alive when that was last known to be so.
	position string
	alive    time.Time
	// started is a resourceVersion of the time when this process began; empty if there
	// was nothing before it, or the API server did not say.
	started string
	// before is closed when what came before the current list has been handled.
	before chan struct{}
	// oldest is the resourceVersion to list at: after a 410 the earliest that the API
	// server can resume from, if it said so, and for a comparison that of the watch.
	// Empty: as it is now.
	oldest string
	// exacts are the lists at an old revision in a row, from which no watch went on.
	exacts   int
	attempts int       // failed attempts in a row
	failing  time.Time // when the first of them was
}

// host is the feed's view of its monitor. Its methods are called from the pump.
type host interface {
	setState(state State, reason, message string)
	state() State
	// unserved: the resource has no version to watch now.
	unserved()
	restarted(reason string)
	// listBegins: the informer has asked for everything, and let go of what it had of a
	// list that was not completed. listEnds: it has all of it.
	listBegins()
	listEnds()
	// restored: an object was remembered, and is on its way to the handler, unless it
	// turns out not to be readable.
	restored(r *Record) (readable bool)
	// recalled: the handler has all that was remembered.
	recalled(known recollection, m *memory)
	// reached: everything up to a position has been handled.
	reached(position string, at time.Time)
	// comparing: a list follows that is to find what the watch did not tell.
	comparing()
	// refilling: a list follows that is to bring whole objects where metadata is kept.
	refilling()
	// keys are those of the objects that the informer has.
	keys() []string
	// thinned returns the Record to keep instead of an object's; nil for none other.
	thinned(key string) *Record
	// slimmed: the informer has metadata alone.
	slimmed()
	// handled returns the number of objects that the handler knows.
	handled() int
	// listed: the informer has handled a complete list. before is the position
	// that the watch had, empty for the first list.
	listed(before, now string, since, until time.Time)
	// drained: nothing more will come.
	drained()
}

// retarget moves the feed to another version or scope. The position is kept:
// resourceVersions are those of the storage, whatever the version asked for.
func (f *feed) retarget(t target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.thin = f.target.thin
	if f.target == t {
		return
	}
	f.target = t
	f.signal()
}

// retire ends the feed once the API server has ended the watch, or after a while:
// the last deletions of a deleted CRD's objects may still be on their way.
func (f *feed) retire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.retiring {
		return
	}
	f.retiring = true
	f.signal()
}

// signal is called with mu held.
func (f *feed) signal() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// aim returns what to watch, and a channel that is closed when that changes.
func (f *feed) aim() (t target, retiring bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target, f.retiring, f.changed
}

// reached notes that everything up to a resourceVersion was delivered.
func (f *feed) reached(resourceVersion string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position = resourceVersion
	f.alive = time.Now()
}

func (f *feed) where() (position string, alive time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.position, f.alive
}

// recalled notes where a memory ends.
func (f *feed) recalled(c Checkpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position, f.alive, f.resuming = c.Position, c.Time, true
}

// takeMemory returns what is to be replayed, once.
func (f *feed) takeMemory() *memory {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.memory
	f.memory = nil
	return m
}

// catchesUp reports whether what was missed before a restart is still coming in.
func (f *feed) catchesUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.resuming
}

func (f *feed) caughtUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resuming && f.target.thin && !f.budgeted {
		f.target.thin = false // there was too little memory once, and now nobody counts it
		f.signal()
	}
	f.resuming = false
}

// missedUpTo is the resourceVersion up to which events are older than this process, as
// long as some of them may still be on their way.
func (f *feed) missedUpTo() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.resuming {
		return ""
	}
	return f.started
}

// relists returns a channel to be closed when the handler has all that came before a
// new list.
func (f *feed) relists() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = make(chan struct{})
	return f.before
}

// beforeRelist is closed when the handler has all that came before the current list.
func (f *feed) beforeRelist() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.before
}

// listAt returns the resourceVersion to list at, or nothing.
func (f *feed) listAt() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.oldest
}

// listedAt counts the lists at an old revision, and returns how many there were in a
// row before this one.
func (f *feed) listedAt() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exacts++
	return f.exacts - 1
}

// wentOn notes that the watch has gone on from a list.
func (f *feed) wentOn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exacts = 0
}

func (f *feed) keepOldest(resourceVersion string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.oldest = resourceVersion
}

// failed counts a failure and returns how many there were in a row, and for how long.
func (f *feed) failed() (attempts int, lasting time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempts == 0 {
		f.failing = time.Now()
	}
	f.attempts++
	return f.attempts, time.Since(f.failing)
}

func (f *feed) succeeded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts = 0
}

// mustCheck reports, for each opened watch, whether it must be proven that the CRD
// is still the same one.
func (f *feed) mustCheck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crd != "" && (f.position != "" || f.checkFirst)
}

// errReplaced: the CRD that the feed belongs to is gone, or another one has its name.
var errReplaced = errors.New("the CRD was deleted, or deleted and created again")

// checkCRD proves that a watch that is already open belongs to this CRD: the CRD
// has this UID now, so it had it when the watch was opened. Without this, the watch
// of a deleted CRD could go on with the objects of its successor.
func (f *feed) checkCRD(ctx context.Context) error {
	crd, err := f.clients.metadata.Resource(discovery.CRDs().GVR).Get(ctx, f.crd, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("checking the CRD %s: %w", f.crd, err)
	}
	if crd.GetUID() != f.crdUID {
		return errReplaced
	}
	return nil
}
