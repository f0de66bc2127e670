package watch

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// linger ends a retiring feed: it tells the monitor that nothing more will come, and
// waits to be stopped.
func (p *pump) linger(ctx context.Context) {
	if p.synced {
		p.mark(ctx, p.feed.host.drained)
	} else if wait(ctx, p.feed.beforeRelist()) {
		p.feed.host.drained()
	}
	<-ctx.Done()
}

// relist makes the informer list everything again, as it was at a resourceVersion or as
// it is.
func (p *pump) relist(ctx context.Context, at string, why error) {
	p.feed.keepOldest(at)
	handled := p.feed.relists()
	p.mark(ctx, func() { close(handled) })
	p.send(ctx, expired(why))
}

// wait waits for changed, and reports false when ctx has ended.
func wait(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// expired is the error event that makes a reflector list everything again.
func expired(err error) apiwatch.Event {
	status := apierrors.NewResourceExpired(err.Error()).Status()
	return apiwatch.Event{Type: apiwatch.Error, Object: &status}
}
