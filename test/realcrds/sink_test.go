package realcrds

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// sink collects events by object. It implements watch.Sink.
type sink struct {
	mu     sync.Mutex
	events map[types.UID][]watch.Event
	gaps   []watch.Event
}

func (s *sink) Record(entry watch.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entry.Events {
		if e.Type == watch.Gap {
			s.gaps = append(s.gaps, e)
			continue
		}
		s.events[e.UID] = append(s.events[e.UID], e)
	}
}

func (s *sink) of(uid types.UID) []watch.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]watch.Event(nil), s.events[uid]...)
}

// checkOthers fails for events that no write accounts for. Those of the CRDs are the
// API server's own.
func (s *sink) checkOthers(t *testing.T, known map[types.UID]bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for uid, events := range s.events {
		if !known[uid] && events[0].Resource.Group != "apiextensions.k8s.io" {
			t.Errorf("events of an object that is not ours: %+v", events)
		}
	}
	if len(s.gaps) > 0 {
		t.Errorf("gaps where there are none: %+v", s.gaps)
	}
}

// complaints is a slog.Handler that keeps what is a warning or worse.
type complaints struct {
	mu   *sync.Mutex
	list *[]string
}

func (c complaints) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (c complaints) WithAttrs([]slog.Attr) slog.Handler               { return c }
func (c complaints) WithGroup(string) slog.Handler                    { return c }

func (c complaints) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.list = append(*c.list, text)
	return nil
}
