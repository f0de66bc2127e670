package watch

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// aWhile is how long a watch must have lived for its end to be nothing unusual.
const aWhile = time.Second

// Why a real watch ended, besides an error.
var (
	errEnded   = errors.New("the API server ended the watch")
	errSilent  = errors.New("neither an event nor a bookmark came in time")
	errChanged = errors.New("something else is to be watched")
	errStopped = errors.New("the informer stopped")

	errUnanswered = errors.New("the API server did not answer in time")
)

// pump fills one stream from one real watch after the other.
type pump struct {
	feed   *feed
	out    chan<- apiwatch.Event
	window chan struct{} // a place for each mark on its way
	// synced: the initial objects are complete.
	synced    bool
	delivered int // events since the last mark, or initial objects before synced
	catchUp   catchUp
	// exact: the initial objects are those of an earlier revision.
	exact bool
	// thin: the watch brings metadata alone.
	thin bool
	// slimming is nil if there is nothing to exchange.
	slimming *slimming
}

// run returns when ctx ends, when the reflector must list everything again, or when
// the initial objects were cut off in the middle.
func (p *pump) run(ctx context.Context) {
	if m := p.feed.takeMemory(); m != nil && !p.recall(ctx, m) {
		return
	}
	for {
		t, retiring, changed := p.feed.aim()
		if retiring {
			p.linger(ctx)
			return
		}
		if t.gvr.Version == "" {
			p.feed.host.unserved()
			if !wait(ctx, changed) {
				return
			}
			continue
		}
		if p.mustRefill(t) {
			p.refill(ctx)
			return
		}
		if p.feed.host.state() == Pending {
			p.feed.host.setState(Syncing, "", "")
		}
		opened := time.Now()
		err := p.watch(ctx, t, changed)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errCompare) {
			p.compare(ctx)
			return
		}
		if p.synced && p.feed.lost(err) {
			p.feed.host.restarted("Expired")
			p.relist(ctx, p.oldest(err), err)
			return
		}
		if isExpired(err) {
			p.feed.keepOldest("") // it has moved on
		}
		if !p.pause(ctx, err, time.Since(opened), changed) || (!p.synced && p.delivered > 0) {
			return
		}
	}
}

// exactTries is how often in a row objects are listed at the oldest revision. It moves
// on with each edit of the CRD, and with each event of a resource whose history is full.
const exactTries = 3

// oldest is where to list after a 410: at the very revision from which the API server
// can go on, so that the gap is as small as it can be. Where that revision has always
// moved on by the time that the watch is asked for, listing what is there now is the
// only way out.
func (p *pump) oldest(err error) string {
	if p.feed.listedAt() >= exactTries {
		return ""
	}
	return oldestOf(err)
}

// watch opens one real watch and forwards it to its end. It returns why it ended,
// never nil.
func (p *pump) watch(ctx context.Context, t target, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w, err := p.open(ctx, cancel, t)
	if err != nil {
		return err
	}
	defer w.Stop()
	p.catchUp.begin(p.synced, p.feed.missedUpTo())
	p.beginSlimming(t)
	p.feed.opened(p.synced)
	return p.forward(ctx, w, changed)
}

// open starts a real watch, through the gate, from where the feed stands. An API
// server that does not even answer must not be waited for: the connection may be
// dead without anyone having noticed.
func (p *pump) open(ctx context.Context, cancel context.CancelCauseFunc, t target) (apiwatch.Interface, error) {
	f := p.feed
	request, leave, err := f.gate.enter(ctx)
	if err != nil {
		return nil, errStopped
	}
	unanswered := time.AfterFunc(f.timing.AnswerWithin, func() { cancel(errUnanswered) })
	defer unanswered.Stop()
	w, err := p.start(request, t)
	leave(err == nil)
	if err == nil && f.mustCheck() {
		if err = f.checkCRD(ctx); err != nil {
			w.Stop()
		}
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errUnanswered) {
		return nil, cause
	}
	return w, err
}

func (p *pump) start(ctx context.Context, t target) (apiwatch.Interface, error) {
	timeout := int64(jitter(p.feed.timing.WatchTimeout).Seconds())
	opts := metav1.ListOptions{
		AllowWatchBookmarks: true, TimeoutSeconds: &timeout,
		LabelSelector: t.scope.LabelSelector, FieldSelector: t.scope.FieldSelector,
	}
	if p.synced {
		opts.ResourceVersion, _ = p.feed.where()
		return p.feed.client(t).Watch(ctx, opts)
	}
	if oldest := p.feed.listAt(); oldest != "" {
		p.exact = true
		return newPagedWatch(ctx, p.feed, t, timeout, oldest), nil
	}
	p.exact = false
	all := true
	opts.SendInitialEvents = &all
	opts.ResourceVersionMatch = metav1.ResourceVersionMatchNotOlderThan
	w, err := p.feed.client(t).Watch(ctx, opts)
	if err != nil && rejectsWatchList(err) {
		return newPagedWatch(ctx, p.feed, t, timeout, ""), nil
	}
	return w, err
}

// forward passes on what a real watch delivers until it ends.
func (p *pump) forward(ctx context.Context, w apiwatch.Interface, changed <-chan struct{}) error {
	patience := time.NewTimer(p.patience())
	defer patience.Stop()
	missed := newLull(p.feed.catchesUp(), p.catchUp.missed != "")
	defer missed.stop()
	for {
		select {
		case <-missed.over():
			missed.stop()
			p.feed.caughtUp()
			p.tellSynced(ctx, func() { p.feed.host.setState(Synced, "", "") })
		case <-ctx.Done():
			return errStopped
		case <-changed:
			_, retiring, next := p.feed.aim()
			if !retiring {
				return errChanged
			}
			changed = next
			patience.Reset(p.feed.timing.RetireAfter)
		case <-patience.C:
			return errSilent
		case <-p.toSlim():
			if !p.slimSome(ctx) {
				return errStopped
			}
		case reply := <-p.feed.censuses:
			p.census(ctx, reply)
		case <-p.feed.comparisons:
			if p.synced {
				return errCompare
			}
		case event, ok := <-w.ResultChan():
			if !ok {
				return errEnded
			}
			if err := p.take(ctx, event); err != nil {
				return err
			}
			patience.Reset(p.patience())
			missed.extend(p.catchUp.active)
		}
	}
}

func (p *pump) patience() time.Duration {
	_, retiring, _ := p.feed.aim()
	switch {
	case retiring:
		return p.feed.timing.RetireAfter
	case p.synced:
		return p.feed.timing.StaleAfter
	}
	return p.feed.timing.SyncDeadline
}

// take passes on one event of a real watch.
func (p *pump) take(ctx context.Context, event apiwatch.Event) error {
	if event.Type == apiwatch.Error {
		return apierrors.FromObject(event.Object)
	}
	object, err := meta.Accessor(event.Object)
	if err != nil {
		return err
	}
	rv := object.GetResourceVersion()
	if !p.synced {
		return p.takeInitial(ctx, event, object, rv)
	}
	before, _ := p.feed.where()
	if order, err := resourceversion.CompareResourceVersion(rv, before); err == nil && order <= 0 && event.Type != apiwatch.Bookmark {
		return nil // seen before: the position is what the monitor has
	}
	tag(event, p.catchUp.origin(event.Type, rv))
	if !p.send(ctx, event) {
		return errStopped
	}
	p.feed.wentOn()
	p.feed.reached(rv)
	p.feed.proven(true)
	if event.Type == apiwatch.Bookmark {
		p.bookmark(ctx, before, rv)
		return nil
	}
	defer p.catchUp.took()
	return p.keepWindow(ctx)
}

// takeInitial passes on one event of the initial list. Its objects come in no
// order of resourceVersion, so the position does not move before its end.
func (p *pump) takeInitial(ctx context.Context, event apiwatch.Event, object metav1.Object, rv string) error {
	tag(event, Reconciled)
	if !p.send(ctx, event) {
		return errStopped
	}
	if event.Type != apiwatch.Bookmark || object.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" {
		p.delivered++
		p.feed.listed.Add(1)
		return nil
	}
	before, since := p.feed.where()
	p.feed.host.listEnds()
	p.synced, p.delivered = true, 0
	p.feed.caughtUp() // the list has whatever was missed
	if !p.exact {
		p.feed.wentOn() // there is nothing old that a watch would have to go on from
	}
	p.feed.keepOldest("")
	p.feed.listedThin(p.thin)
	p.catchUp.begin(p.exact, "")
	p.feed.reached(rv)
	_, until := p.feed.where()
	p.tellSynced(ctx, func() { p.feed.host.listed(before, rv, since, until) })
	p.feed.proven(false)
	return nil
}

func (p *pump) send(ctx context.Context, event apiwatch.Event) bool {
	select {
	case p.out <- event:
		return true
	case <-ctx.Done():
		return false
	}
}
