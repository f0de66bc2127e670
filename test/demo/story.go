package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// story is what happens in the cluster while one looks.
type story struct {
	cluster *controlplane.ControlPlane
	client  dynamic.Interface
	scaled  func(time.Duration) time.Duration
	say     func(format string, args ...any)
}

// scene is one thing that a program of the cluster does, once or again and again.
type scene struct {
	// by is the program, and its field manager.
	by string
	// at is when it first happens, and every the time until the next; 0 is never.
	at, every time.Duration
	// play does it. turn counts from 0.
	play func(ctx context.Context, w *writer, turn int) error
}

func newStory(cluster *controlplane.ControlPlane, scaled func(time.Duration) time.Duration, say func(string, ...any)) (*story, error) {
	config := cluster.Config()
	// The API server warns everyone who writes a deprecated version.
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &story{cluster: cluster, client: client, scaled: scaled, say: say}, nil
}

// run plays all scenes, each in its own time, until ctx ends.
func (s *story) run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, sc := range s.scenes() {
		running.Go(func() { s.play(ctx, sc) })
	}
	running.Wait()
	return nil
}

// play goes on after a failure: the next turn may do better.
func (s *story) play(ctx context.Context, sc scene) {
	w := &writer{client: s.client, manager: sc.by}
	begin := time.Now()
	for turn := 0; ; turn++ {
		if !waitUntil(ctx, begin.Add(s.scaled(sc.at+time.Duration(turn)*sc.every))) {
			return
		}
		if err := sc.play(ctx, w, turn); err != nil && ctx.Err() == nil {
			s.say("demo: %s: %v", sc.by, err)
		}
		if sc.every == 0 {
			return
		}
	}
}

// waitUntil reports false when ctx has ended.
func waitUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// applyAs plays a manifest.
func (s *story) applyAs(name string) func(context.Context, *writer, int) error {
	return func(ctx context.Context, w *writer, _ int) error {
		if err := s.cluster.ApplyAs(ctx, w.manager, manifest(name)); err != nil {
			return fmt.Errorf("applying %s: %w", name, err)
		}
		return nil
	}
}
