package watch

import (
	"context"
)

const (
	// A mark follows this many events, and this many marks may be unseen by the
	// monitor, before the pump waits. What it does not read stays in the API
	// server, so that the informer's unbounded buffers stay small.
	eventsPerMark  = 128
	maxUnseenMarks = 8
)

// bookmark passes on a position that no event has.
func (p *pump) bookmark(ctx context.Context, before, rv string) {
	if rv == before {
		return
	}
	_, at := p.feed.where()
	p.mark(ctx, func() { p.feed.host.reached(rv, at) })
}

// keepWindow sends a mark from time to time, and waits while too many are unseen.
func (p *pump) keepWindow(ctx context.Context) error {
	p.delivered++
	if p.delivered < eventsPerMark {
		return nil
	}
	p.delivered = 0
	select {
	case p.window <- struct{}{}:
	case <-ctx.Done():
		return errStopped
	}
	p.mark(ctx, func() { <-p.window })
	return nil
}

// mark sends a mark through the informer. It must be sent whole.
func (p *pump) mark(ctx context.Context, seen func()) {
	position, _ := p.feed.where()
	for _, event := range newMark(p.feed.marks.Add(1), position, seen).events() {
		p.send(ctx, event)
	}
}
