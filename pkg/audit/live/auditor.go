package live

import (
	"cmp"
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// settleFor is how long a CRD waits for more changes before it is evaluated, and
	// costFactor how many times what that takes it rests afterwards.
	settleFor  = 300 * time.Millisecond
	costFactor = 10
	// sliceTime is how long the background works without looking for changes.
	sliceTime = 10 * time.Millisecond
	// crdPatience and sweepPatience bound what a flood of changes holds up.
	crdPatience   = 100 * time.Millisecond
	sweepPatience = time.Second
)

// Source is the watch: *watch.Manager.
type Source interface {
	Statuses() []watch.Status
	Status(crd types.UID) (watch.Status, bool)
	Records(crd types.UID) (watch.Records, bool)
	Record(crd types.UID, key string) *watch.Record
	Resources() discovery.Set
	// Done is closed when all that was there at first is known.
	Done() <-chan struct{}
}

// Answerer asks the cluster. Its methods are called concurrently.
type Answerer interface {
	// Answer blocks until there is an answer.
	Answer(ctx context.Context, q audit.Question) audit.Answer
	// Follow calls answered with the answer as it is now and whenever it changes, until
	// ctx ends.
	Follow(ctx context.Context, q audit.Question, answered func(audit.Answer))
}

// Options configure an Auditor. Source, Answers and Record are required.
type Options struct {
	// Evaluator has the rules.
	Evaluator audit.Evaluator
	// Before is found without looking at anything: what is wrong with the exemptions.
	Before  audit.Verdict
	Source  Source
	Answers Answerer
	// Record takes the events, and the Counts. It may block. Of what it has kept, the next
	// process is given Open and Counts.
	Record func(watch.Entry)
	// Open are the findings that were open when the last process ended.
	Open []watch.Event
	// Counts are the last ones of each resource.
	Counts []watch.Counts
	// Share is the part of the time, of one core, that the background may take: more than 0
	// and at most 1. Changes may take half as much when there are very many. Default 0.5.
	Share float64
	// Log may be nil.
	Log *slog.Logger
}

// Auditor evaluates rules. Take and StateChanged may be called before Run and after it.
type Auditor struct {
	opts  Options
	inbox *inbox
	view  *view
	live  bool // some rule needs the latest updates of an object
	// counting are the rules that compare with earlier numbers of objects.
	counting map[string]bool
	loaded   bool // all that was there at first is known

	// All below belongs to the goroutine of Run.
	resources map[types.UID]*resource
	waiting   map[string]map[string]*subject // restored, by CRD name and key, until their resource is known
	counts    map[types.UID][]audit.Growth   // restored, until their resource is known
	own       *subject                       // of no resource: what is wrong with the exemptions
	blamed    *blamed
	timers    timers
	again     *jobs
	names     map[[2]string]*resource // by group and plural, and by group and kind
	due       map[*resource]time.Time
	sweeps    []*resource
	settling  map[*resource]bool
	answers   *answers
	crds      *definitions
	updates   *updates
	peers     []audit.Peer
	peersOld  bool
	usages    map[string]usage // by organisation
	// growth is when the objects are to be counted next.
	growth time.Time
	// rest is when the background may go on, crdTurn and sweepTurn when both had their
	// last turn.
	rest, crdTurn, sweepTurn time.Time
	changes                  pace
}

// job is something to evaluate: an object, or with an empty key the CRD itself.
type job struct {
	crd types.UID
	key string
}

// New returns an Auditor that does nothing until Run.
func New(opts Options) *Auditor {
	if opts.Share <= 0 || opts.Share > 1 {
		opts.Share = 0.5
	}
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	a := &Auditor{
		opts: opts, inbox: newInbox(), view: newView(), counting: map[string]bool{},
		live:      slices.ContainsFunc(opts.Evaluator.Rules, func(r audit.Rule) bool { return r.Live }),
		resources: map[types.UID]*resource{}, waiting: map[string]map[string]*subject{},
		counts: map[types.UID][]audit.Growth{}, usages: map[string]usage{},
		blamed: newBlamed(), due: map[*resource]time.Time{}, settling: map[*resource]bool{},
		again: &jobs{in: map[job]bool{}}, names: map[[2]string]*resource{}, crds: newDefinitions(), updates: newUpdates(), peersOld: true,
	}
	for i := range opts.Evaluator.Rules {
		a.counting[opts.Evaluator.Rules[i].ID] = opts.Evaluator.Rules[i].Counts
	}
	a.answers = newAnswers(opts.Answers, a.inbox)
	return a
}

// Take puts aside entries that are kept. It never blocks.
func (a *Auditor) Take(entries []watch.Entry) { a.inbox.take(entries) }

// StateChanged is told of resources whose watch has another state. It never blocks.
func (a *Auditor) StateChanged(crd types.UID) { a.inbox.changed(crd) }

// Run evaluates until ctx ends, and returns when all that it started has ended.
func (a *Auditor) Run(ctx context.Context) error {
	a.answers.start(ctx)
	defer a.answers.wait()
	a.restore(a.opts.Open)
	a.restoreCounts(a.opts.Counts)
	a.opts.Open, a.opts.Counts = nil, nil // they are a lot, and known now
	a.judgeExemptions()
	for _, s := range a.opts.Source.Statuses() {
		a.inbox.changed(s.Resource.UID)
	}
	done := a.opts.Source.Done()
	for ctx.Err() == nil {
		a.receive()
		a.wakeSubjects(time.Now())
		if a.work() {
			continue
		}
		select {
		case <-ctx.Done():
		case <-a.inbox.wake:
		case <-done:
			done, a.loaded = nil, true
			a.dropUnknown()
		case <-time.After(a.idle(time.Now())):
		}
	}
	return nil
}

// receive looks at everything that came in, but for the changed objects.
func (a *Auditor) receive() {
	news := a.inbox.news()
	for _, c := range news.crds {
		a.changeCRD(c)
	}
	for uid := range news.states {
		a.changeState(uid)
	}
	for uid := range news.recount {
		if r := a.resources[uid]; r != nil {
			a.requestSweep(r)
		}
	}
	for uid := range news.forgotten {
		a.forget(uid)
	}
	for _, p := range news.prepared {
		a.beginSweep(p)
	}
	for _, l := range news.slow {
		a.answers.takesLong(l, time.Now())
	}
	for _, n := range news.answers {
		a.answered(n)
	}
	for r := range a.settling {
		a.finishSettling(r)
	}
}

// work does one piece of work, and reports false if there is none now.
func (a *Auditor) work() bool {
	now := time.Now()
	crd, sweep := a.nextCRD(now), a.nextSweep(now)
	switch {
	case crd != nil && now.Sub(a.crdTurn) > crdPatience:
	case sweep != nil && now.Sub(a.sweepTurn) > sweepPatience:
		crd = nil
	case !a.changes.may(now) && a.changesWait():
		return false // or the rest would go to the CRDs, which come after changes
	case a.lookAtChange():
		a.changes.took(now, time.Now(), a.opts.Share/2)
		return true
	}
	switch {
	case crd != nil:
		a.judgeCRD(crd)
		a.crdTurn = time.Now()
	case sweep != nil:
		a.sweepSlice(sweep)
	default:
		return false
	}
	return true
}

// changesWait reports whether there is an object to look at.
func (a *Auditor) changesWait() bool { return a.inbox.waits() || len(a.again.in) > 0 }

// lookAtChange looks at one object, and reports false if there is none to look at.
func (a *Auditor) lookAtChange() bool {
	if item := a.inbox.next(); item != nil {
		a.change(item)
		return true
	}
	j, ok := a.again.pop()
	if ok {
		a.reconsider(j)
	}
	return ok
}

// nextCRD returns a CRD that it is time for.
func (a *Auditor) nextCRD(now time.Time) *resource {
	for r, at := range a.due {
		if !now.Before(at) {
			return r
		}
	}
	return nil
}

// idle is how long there is nothing to do if nothing comes in.
func (a *Auditor) idle(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	for _, at := range a.due {
		next = earlier(next, at)
	}
	if len(a.sweeps) > 0 && now.Before(a.rest) {
		next = earlier(next, a.rest)
	}
	if now.Before(a.changes.rest) {
		next = earlier(next, a.changes.rest)
	}
	if len(a.timers) > 0 {
		next = earlier(next, a.timers[0].at)
	}
	if !a.growth.IsZero() {
		next = earlier(next, a.growth)
	}
	next = earlier(next, a.answers.next(next))
	return max(next.Sub(now), time.Millisecond)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// wakeSubjects looks at the findings whose time has come, and asks again what nobody
// could answer.
func (a *Auditor) wakeSubjects(now time.Time) {
	for len(a.timers) > 0 && !now.Before(a.timers[0].at) {
		t := heap.Pop(&a.timers).(timer)
		if s := t.subject; s.next.Equal(t.at) {
			s.next = time.Time{}
			a.settle(s, now)
		}
	}
	a.answers.retry(now)
	a.updates.expire(now)
	a.noteGrowth(now)
}
