package watch

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

// slowStart is how long a watch that is being started holds its place. One that
// takes longer is in trouble, and must not hold up the others.
const slowStart = time.Second

// gate limits how many watches are being started at once: one until the first has
// been answered, then some. And only one at a time looks for a connection. Otherwise
// each that finds no free stream dials a connection of its own, and of the hundreds
// almost all are thrown away.
type gate struct {
	width int
	// connecting holds the one that has no connection yet.
	connecting chan struct{}

	mu      sync.Mutex
	open    bool
	running int
	waiting []chan struct{}
}

func newGate(width int) *gate {
	return &gate{width: width, connecting: make(chan struct{}, 1)}
}

// enter waits for a place, and the turn to connect, or for the end of ctx, whose error
// it returns. The request must be made with the context that it returns. The place
// must be given back by calling leave once; both are lost before if that takes long.
func (g *gate) enter(ctx context.Context) (request context.Context, leave func(answered bool), err error) {
	if err := g.acquire(ctx); err != nil {
		return nil, nil, err
	}
	release := sync.OnceFunc(g.release)
	select {
	case g.connecting <- struct{}{}:
	case <-ctx.Done():
		release()
		return nil, nil, ctx.Err()
	}
	connected := sync.OnceFunc(func() { <-g.connecting })
	timer := time.AfterFunc(slowStart, func() {
		connected()
		release()
	})
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected() }}
	return httptrace.WithClientTrace(ctx, trace), func(answered bool) {
		timer.Stop()
		connected()
		release()
		if answered {
			g.answered()
		}
	}, nil
}

// answered notes that the API server was reached.
func (g *gate) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	g.admit()
}

func (g *gate) acquire(ctx context.Context) error {
	g.mu.Lock()
	if g.running < g.limit() {
		g.running++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.abandon(turn)
		return ctx.Err()
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.admit()
}

// abandon takes a waiter out of the queue, or passes on the place that it was given
// in the same moment.
func (g *gate) abandon(turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range g.waiting {
		if w == turn {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
	g.running--
	g.admit()
}

// admit is called with mu held.
func (g *gate) admit() {
	for g.running < g.limit() && len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.running++
	}
}

func (g *gate) limit() int {
	if !g.open {
		return 1
	}
	return g.width
}
