package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// screen keeps a progress line on a terminal out of the way of everything else that
// is written there. Its mutex is held while it writes: that is its purpose.
type screen struct {
	terminal io.Writer // nil: no progress is shown

	mu    sync.Mutex
	shown bool
}

// show replaces the progress line; an empty text takes it away.
func (s *screen) show(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	if s.terminal != nil && text != "" {
		_, err := io.WriteString(s.terminal, text)
		s.shown = err == nil
	}
}

// clear is called with mu held.
func (s *screen) clear() {
	if s.shown {
		_, _ = io.WriteString(s.terminal, "\r\x1b[K")
		s.shown = false
	}
}

// over returns a writer that takes the progress line away before it writes. What
// does not go to a terminal needs none: it must not wait for what does, nor the
// other way round. A pipe that nobody reads would hold up the log, and whatever logs.
func (s *screen) over(w io.Writer) io.Writer {
	if _, ok := terminal(w); !ok || s.terminal == nil {
		return w
	}
	return screenWriter{s, w}
}

type screenWriter struct {
	screen *screen
	to     io.Writer
}

// Write implements io.Writer.
func (w screenWriter) Write(p []byte) (int, error) {
	w.screen.mu.Lock()
	defer w.screen.mu.Unlock()
	w.screen.clear()
	return w.to.Write(p)
}

// progress shows how far the first sync is, and says once when all is synced. It
// returns when that is so, or ctx ends.
func (g *globals) progress(ctx context.Context, m *watch.Manager) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	defer g.screen.show("")
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.Done():
			g.screen.show("")
			g.summarize(m)
			return
		case <-tick.C:
			settled, all, objects := m.Progress()
			g.screen.show(fmt.Sprintf("syncing %d of %d resources, %d objects", settled, all, objects))
		}
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
			fmt.Fprintf(g.streams.err, "  but not %s: %s (%s)\n", s.Resource.CRD, s.State, s.Reason)
		}
	}
}
