package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/patience"
)

// engine is a running Manager and everything that it reported.
type engine struct {
	*watch.Manager
	t    testing.TB
	stop func()

	mu      sync.Mutex
	events  []watch.Event
	changed chan struct{}
}

// start runs a Manager until the test ends, and waits until it is ready.
func start(t testing.TB, cfg *rest.Config, opts watch.Options) *engine {
	t.Helper()
	e := launch(t, cfg, opts)
	e.awaitReady()
	return e
}

// launch runs a Manager until the test ends.
func launch(t testing.TB, cfg *rest.Config, opts watch.Options) *engine {
	t.Helper()
	return launchWith(t, cfg, opts, func(e *engine) watch.Sink { return e })
}

// launchWith is launch with a Sink between the Manager and the engine.
func launchWith(t testing.TB, cfg *rest.Config, opts watch.Options, sink func(*engine) watch.Sink) *engine {
	t.Helper()
	clients, err := watch.NewClients(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, changed: make(chan struct{})}
	opts.Clients, opts.Sink = clients, sink(e)
	e.Manager = watch.New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	e.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Manager.Run: %v", err)
			}
		case <-time.After(patience.Limit):
			t.Error("Manager.Run did not return")
		}
	})
	t.Cleanup(e.stop)
	return e
}

func (e *engine) awaitReady() {
	e.t.Helper()
	select {
	case <-e.Done():
	case <-time.After(patience.Limit):
		e.t.Fatalf("not ready: %v", e.Ready())
	}
}

// Record implements watch.Sink.
func (e *engine) Record(entry watch.Entry) {
	if len(entry.Events) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, entry.Events...)
	close(e.changed)
	e.changed = make(chan struct{})
}

// snapshot returns all events so far, and a channel that is closed by the next.
func (e *engine) snapshot() ([]watch.Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.events[:len(e.events):len(e.events)], e.changed
}

// await waits until the events satisfy a condition, and returns them.
func (e *engine) await(what string, ok func([]watch.Event) bool) []watch.Event {
	e.t.Helper()
	deadline := time.After(patience.Limit)
	for {
		events, changed := e.snapshot()
		if ok(events) {
			return events
		}
		select {
		case <-changed:
		case <-deadline:
			e.t.Fatalf("waiting for %s: not in %d events\n%s", what, len(events), describe(tail(events, 10)))
		}
	}
}

// awaitState waits until a resource is in a state, and returns its status.
func (e *engine) awaitState(crd string, want watch.State) watch.Status {
	e.t.Helper()
	var last watch.Status
	patience.Until(e.t, fmt.Sprintf("%s is %s", crd, want), func() (bool, string) {
		var ok bool
		last, ok = e.status(crd)
		if !ok {
			return want == watch.Gone, "not watched"
		}
		return last.State == want, fmt.Sprintf("%s %s %s", last.State, last.Reason, last.Message)
	})
	return last
}

func (e *engine) status(crd string) (watch.Status, bool) {
	for _, s := range e.Statuses() {
		if s.Resource.CRD == crd {
			return s, true
		}
	}
	return watch.Status{}, false
}

// only selects the CRDs of one group.
func only(group string) func(discovery.Set) (watch.Selector, error) {
	return func(discovery.Set) (watch.Selector, error) {
		return func(r discovery.Resource) (watch.Scope, bool) { return watch.Scope{}, r.GVR.Group == group }, nil
	}
}

// of returns the events about objects of one group.
func of(events []watch.Event, group string) []watch.Event {
	var out []watch.Event
	for _, e := range events {
		if e.Resource.Group == group && e.Type != watch.Gap {
			out = append(out, e)
		}
	}
	return out
}

func tail(events []watch.Event, n int) []watch.Event {
	return events[max(0, len(events)-n):]
}

func describe(events []watch.Event) string {
	s := ""
	for _, e := range events {
		s += fmt.Sprintf("%s %s %s/%s rv=%s origin=%s managers=%v", e.Type, e.Resource.Name(), e.Namespace, e.Name, e.ResourceVersion, e.Origin, e.Managers)
		for _, c := range e.Changes {
			s += fmt.Sprintf("\n    %s %s %v → %v (%s %s %q)", c.Op, c.Path, c.Old, c.New, c.Manager, c.Operation, c.Subresource)
		}
		s += "\n"
	}
	return s
}
