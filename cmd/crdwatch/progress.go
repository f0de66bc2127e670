package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// progress shows on a terminal how far the first sync is, and says once when all is
// synced. It returns when that is so, or ctx ends.
func (g *globals) progress(ctx context.Context, m *watch.Manager) {
	_, isTerminal := terminal(g.streams.err)
	live := isTerminal && !g.quiet
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.clearLine(live)
			return
		case <-m.Done():
			g.clearLine(live)
			g.summarize(m)
			return
		case <-tick.C:
			if settled, all, objects := m.Progress(); live {
				fmt.Fprintf(g.streams.err, "\r\x1b[Ksyncing %d of %d resources, %d objects", settled, all, objects)
			}
		}
	}
}

func (g *globals) clearLine(live bool) {
	if live {
		fmt.Fprint(g.streams.err, "\r\x1b[K")
	}
}

func (g *globals) summarize(m *watch.Manager) {
	if g.quiet {
		return
	}
	statuses, objects := m.Statuses(), 0
	for _, s := range statuses {
		objects += s.Objects
	}
	fmt.Fprintf(g.streams.err, "watching %d resources, %d objects\n", len(statuses), objects)
	for _, s := range statuses {
		if s.State != watch.Synced {
			fmt.Fprintf(g.streams.err, "  not watched: %s: %s %s\n", s.Resource.CRD, s.State, s.Message)
		}
	}
}
