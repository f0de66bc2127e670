package watch

import (
	"context"
	"errors"
	"time"
)

// errCompare ends a watch whose objects are to be compared with the API server's.
var errCompare = errors.New("the objects are to be compared with those of the API server")

// censusWithin is how long a resource may take to say how many objects it knows: one
// that has no live watch, or much to do, is passed over.
const censusWithin = 10 * time.Second

// tally is how many objects the handler knows at a position of the watch.
type tally struct {
	position string
	objects  int
}

// census answers how many objects there are at this very point of the stream. In the
// middle of a list there is no answer.
func (p *pump) census(ctx context.Context, reply chan<- tally) {
	if !p.synced {
		close(reply)
		return
	}
	position, _ := p.feed.where()
	p.mark(ctx, func() { reply <- tally{position, p.feed.host.handled()} })
}

// compare makes the informer list the objects as they are at the watch's own position:
// whatever differs there, the watch has not told.
func (p *pump) compare(ctx context.Context) {
	position, _ := p.feed.where()
	p.mark(ctx, p.feed.host.comparing)
	p.relist(ctx, position, errCompare)
}

// lookForDrift compares one resource after the other, so that each has its turn once
// in a while, until ctx ends. API servers have lost watch events (kubernetes#123072,
// etcd#17529), and nothing else would notice.
func (m *Manager) lookForDrift(ctx context.Context) {
	every := m.opts.Timing.DriftEvery
	if every < 0 {
		return
	}
	for turn := 0; ; turn++ {
		monitors := append(m.watching(), m.crds)
		if !sleep(ctx, jitter(every)/time.Duration(len(monitors)), nil) {
			return
		}
		monitors[turn%len(monitors)].lookForDrift(ctx)
	}
}

// lookForDrift counts the objects of a resource. Where the API server counts another
// number, the objects are compared.
func (m *monitor) lookForDrift(ctx context.Context) {
	known, ok := m.feed.census(ctx)
	if !ok {
		return
	}
	there, err := m.feed.count(ctx, known.position)
	if isExpired(err) {
		// Nothing has happened for so long that the API server has compacted the
		// position away: then the newest state must be that of the position.
		if there, err = m.feed.count(ctx, ""); err == nil {
			again, ok := m.feed.census(ctx)
			if !ok || again.position != known.position {
				return
			}
		}
	}
	crd := m.snapshot().Resource.CRD
	switch {
	case err != nil:
		m.log.Debug("counting the objects", "resource", crd, "error", err)
	case there != known.objects:
		m.log.Warn("the API server has other objects than its watch has told of; comparing them",
			"resource", crd, "known", known.objects, "there", there)
		m.feed.compare(ctx)
	}
}

// census asks the pump. It fails where there is no live watch.
func (f *feed) census(ctx context.Context) (tally, bool) {
	timer := time.NewTimer(censusWithin)
	defer timer.Stop()
	reply := make(chan tally, 1)
	select {
	case f.censuses <- reply:
	case <-timer.C:
		return tally{}, false
	case <-ctx.Done():
		return tally{}, false
	}
	select {
	case t, ok := <-reply:
		return t, ok
	case <-timer.C:
		return tally{}, false
	case <-ctx.Done():
		return tally{}, false
	}
}

// compare asks the pump of a live watch, if there still is one.
func (f *feed) compare(ctx context.Context) {
	timer := time.NewTimer(censusWithin)
	defer timer.Stop()
	select {
	case f.comparisons <- struct{}{}:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// count counts the objects at a resourceVersion, or as they are now if that is empty.
func (f *feed) count(ctx context.Context, at string) (int, error) {
	t, _, _ := f.aim()
	ctx, cancel := context.WithTimeout(ctx, f.timing.SyncDeadline)
	defer cancel()
	return count(ctx, f.clients, t, at)
}
