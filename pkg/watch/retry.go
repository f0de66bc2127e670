package watch

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

const (
	// brokenRetry is the pause after the API server could not produce the objects.
	brokenRetry = 10 * time.Second
	// notServedGrace is how long a 404 may be that of a CRD which the API server is
	// just setting up or taking down: a busy one says that a CRD is established long
	// before it serves it. It is asked again at least every notServedRetry.
	notServedGrace = time.Minute
	notServedRetry = 5 * time.Second
	// probeAfter is how long an unexplained failure may last before it is probed.
	probeAfter = 15 * time.Second
	// probeLimit is the page size of a probe that looks for an undecodable object,
	// and probePages the most pages that it reads.
	probeLimit, probePages = 500, 200
	// initializingTries is how often a resource that is being initialized is asked
	// again soon.
	initializingTries = 3
	// tooLargeTries is how often the API server may be behind a resourceVersion
	// before that is taken for one that does not exist any more.
	tooLargeTries = 5
)

func (f *feed) client(t target) dynamic.ResourceInterface {
	if t.thin {
		return scoped(f.clients.watchThin, t)
	}
	return scoped(f.clients.watch, t)
}

// lister is the client to list with, page by page.
func (f *feed) lister(t target) dynamic.ResourceInterface {
	if t.thin {
		return scoped(f.clients.listThin, t)
	}
	return scoped(f.clients.list, t)
}

func scoped(c dynamic.Interface, t target) dynamic.ResourceInterface {
	if t.scope.Namespace == "" {
		return c.Resource(t.gvr)
	}
	return c.Resource(t.gvr).Namespace(t.scope.Namespace)
}

// opened is called when the API server has accepted a watch. For troubles that lie
// in the request this is the proof that they are over; a watch that was silent or
// broken must first deliver something.
func (f *feed) opened(synced bool) {
	switch f.host.state() {
	case Forbidden, NotServed:
		f.restore(synced && f.settled())
	}
}

// proven is called when a watch has delivered something of value.
func (f *feed) proven(synced bool) {
	f.succeeded()
	if synced && f.host.state() != Synced && f.settled() {
		f.restore(synced)
	}
}

func (f *feed) restore(synced bool) {
	if synced {
		f.host.setState(Synced, "", "")
	} else {
		f.host.setState(Syncing, "", "")
	}
}

// pause sets the resource's state by the reason for which a watch ended, and waits
// until it is time for the next one, or something else is to be watched. It reports
// false when ctx has ended.
func (p *pump) pause(ctx context.Context, err error, lived time.Duration, changed <-chan struct{}) bool {
	f := p.feed
	if errors.Is(err, errChanged) {
		return true
	}
	if errors.Is(err, errEnded) && lived >= aWhile {
		f.host.restarted("Ended")
		return true
	}
	attempts, lasting := f.failed()
	v := p.judge(ctx, err, lasting)
	f.host.restarted(v.reason)
	if v.state != "" {
		f.host.setState(v.state, v.reason, v.message)
	}
	if errors.Is(err, errSilent) && attempts == 1 {
		return true
	}
	return sleep(ctx, f.backoff(v, err, attempts), changed)
}

// judge says what the end of a watch means for the resource's state.
func (p *pump) judge(ctx context.Context, err error, lasting time.Duration) verdict {
	v := p.explain(err)
	switch {
	case v.state == NotServed && lasting < notServedGrace:
		v.state = ""
	case v.state != "":
	case p.feed.host.state() == Broken || p.suspicious(err, lasting):
		if probed := p.feed.probe(ctx); probed.state != "" {
			return probed
		}
	}
	if v.state != "" {
		return v
	}
	switch {
	case !p.synced && p.feed.host.state() != Syncing && p.feed.host.state() != Pending:
	case !p.synced:
		v.state = Syncing
	case errors.Is(err, errSilent) || lasting >= p.feed.timing.CutAfter:
		v.state = Stale
	}
	return v
}

func (p *pump) explain(err error) verdict {
	switch {
	case errors.Is(err, errEnded):
		return verdict{"", "Ended", err.Error()}
	case errors.Is(err, errSilent):
		return verdict{"", "Silent", err.Error()}
	case errors.Is(err, errUnanswered):
		return verdict{"", "Unreachable", err.Error()}
	case errors.Is(err, errReplaced):
		return verdict{NotServed, "Replaced", err.Error()}
	}
	return classify(err)
}

// suspicious: an initial list that gets nowhere, or an error that lasts, may have a
// reason which only a consistent LIST shows.
func (p *pump) suspicious(err error, lasting time.Duration) bool {
	if errors.Is(err, errSilent) {
		return !p.synced
	}
	return lasting >= probeAfter
}

// probe asks for objects in the one way that a broken resource cannot answer from a
// cache: a LIST without resourceVersion. An unreachable API server is no verdict.
func (f *feed) probe(ctx context.Context) verdict {
	ctx, cancel := context.WithTimeout(ctx, f.timing.SyncDeadline)
	defer cancel()
	t, _, _ := f.aim()
	opts := metav1.ListOptions{Limit: 1, LabelSelector: t.scope.LabelSelector, FieldSelector: t.scope.FieldSelector}
	for range probePages {
		list, err := scoped(f.clients.list, t).List(ctx, opts)
		if err != nil {
			return probeVerdict(err)
		}
		if opts.Continue = list.GetContinue(); opts.Continue == "" {
			break
		}
		opts.Limit = probeLimit
	}
	return verdict{}
}

func probeVerdict(err error) verdict {
	v := classify(err)
	if v.state == "" && statusCode(err) >= 500 && !apierrors.IsServiceUnavailable(err) && !apierrors.IsTimeout(err) {
		v.state = Broken
	}
	return v
}

// backoff is the time until the next attempt.
func (f *feed) backoff(v verdict, err error, attempts int) time.Duration {
	d := f.timing.RetryMin << min(attempts-1, 16)
	d = min(d, f.timing.RetryMax)
	if v.reason == "NotFound" {
		d = min(d, notServedRetry)
	}
	switch v.state {
	case Forbidden:
		d = max(d, f.timing.ForbiddenRetry)
	case Broken:
		d = max(d, min(brokenRetry, f.timing.RetryMax))
	}
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok && !initializing(err, attempts) {
		d = max(d, min(time.Duration(seconds)*time.Second, f.timing.RetryMax))
	}
	return d + rand.N(d/4+1)
}

// initializing: the API server has built the watch cache of a resource because of
// this very request, and asks to be left alone for a second. It is ready within some
// milliseconds, and thousands of resources cannot wait a second each.
func initializing(err error, attempts int) bool {
	return attempts <= initializingTries && strings.Contains(err.Error(), "storage is (re)initializing")
}

// sleep waits for d, or until changed is closed. It reports false when ctx has ended.
func sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// lost reports whether an error means that the watch cannot be resumed from its
// position: the history is gone, or so is the position itself, as after a restore
// of etcd from a backup.
func (f *feed) lost(err error) bool {
	f.mu.Lock()
	attempts := f.attempts
	f.mu.Unlock()
	return isExpired(err) || isTooLarge(err) && attempts >= tooLargeTries
}
