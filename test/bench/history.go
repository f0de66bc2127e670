package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/recorder"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
	"github.com/crdwatch/crdwatch/test/controlplane"
)

// The columns of the tables: crdwatch serve without a data directory, and with one.
const (
	inMemory    = "in memory"
	withHistory = "history"
	// A history begins with the first start, and is read by a restart.
	firstStart = "history, first start"
	restart    = "history, restart"
)

// history measures what a history on disk costs: the same program runs with it and
// without it, in turns, on the same API server.
type history struct {
	*bench
	cp      *controlplane.ControlPlane
	fixture fixture
	updates *updater
	dir     string // for what a variant keeps on disk
	results historyResults
	sync    time.Duration // that the disk takes for a page
}

// historyResults are the rounds of each column.
type historyResults struct {
	starts      map[string][]starting
	paced, full map[string][]loading
	engine      map[string][]recorder.Result
	disk        []store.Stats
}

// history implements the scenario of the same name.
func (b *bench) history(ctx context.Context, s scenario, cp *controlplane.ControlPlane, f fixture) (page, error) {
	dir, err := os.MkdirTemp("", "bench-history-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	updates, err := newUpdater(ctx, cp, f)
	if err != nil {
		return nil, err
	}
	h := &history{bench: b, cp: cp, fixture: f, updates: updates, dir: dir, results: historyResults{
		starts: map[string][]starting{}, paced: map[string][]loading{}, full: map[string][]loading{},
		engine: map[string][]recorder.Result{},
	}}
	b.say("%s: warming the API server's caches", s.name)
	if _, err := b.child(ctx, cp, f, opponent.Raw, ""); err != nil {
		return nil, err
	}
	if h.sync, err = syncTimeOfDisk(dir); err != nil {
		return nil, err
	}
	if err := h.rounds(ctx); err != nil {
		return nil, err
	}
	return historyReport{options: b.options, fixture: f, version: cp.Version(), results: h.results, sync: h.sync}, nil
}

// rounds alternates the order, as the other scenarios do.
func (h *history) rounds(ctx context.Context) error {
	order := []func(context.Context, string) error{h.memory, h.disk}
	for round := range h.runs {
		for _, variant := range order {
			dir := filepath.Join(h.dir, fmt.Sprint(round))
			if err := errors.Join(variant(ctx, dir), os.RemoveAll(dir)); err != nil {
				return fmt.Errorf("round %d: %w", round+1, err)
			}
		}
		slices.Reverse(order)
	}
	return nil
}

// memory measures the variant without a data directory.
func (h *history) memory(ctx context.Context, _ string) error {
	bytes, err := h.received(ctx, "")
	if err != nil {
		return err
	}
	server, err := h.start(ctx, "", inMemory, bytes)
	if err != nil {
		return err
	}
	return errors.Join(h.load(ctx, server, inMemory), server.Stop())
}

// disk measures the variant with a data directory. Under load is the one that was
// restarted, as it is in practice.
func (h *history) disk(ctx context.Context, dir string) error {
	throughProxy := filepath.Join(dir, "proxy")
	first, err := h.received(ctx, throughProxy)
	if err != nil {
		return err
	}
	again, err := h.received(ctx, throughProxy)
	if err != nil {
		return err
	}
	direct := filepath.Join(dir, "direct")
	server, err := h.start(ctx, direct, firstStart, first)
	if err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		return err
	}
	if server, err = h.start(ctx, direct, restart, again); err != nil {
		return err
	}
	if err := errors.Join(h.load(ctx, server, withHistory), server.Stop()); err != nil {
		return err
	}
	if err := h.kept(ctx, direct); err != nil {
		return err
	}
	return h.record(ctx, direct, filepath.Join(dir, "engine"))
}

// kept looks at what is on disk, and makes sure that it is everything.
func (h *history) kept(ctx context.Context, dir string) error {
	r, err := store.OpenReadOnly(ctx, dir)
	if err != nil {
		return err
	}
	stats, err := r.Stats(ctx)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	written := int64(last(h.results.paced[withHistory]).Writes + last(h.results.full[withHistory]).Writes)
	if stats.Events != written || stats.Objects < int64(h.fixture.Objects) {
		return fmt.Errorf("the history has %d events and %d objects; written were %d and %d",
			stats.Events, stats.Objects, written, h.fixture.Objects)
	}
	h.results.disk = append(h.results.disk, stats)
	return nil
}

func last[E any](s []E) E { return s[len(s)-1] }

func (h *history) serve(ctx context.Context, kubeconfig, dir string) (*serving.Server, error) {
	return serving.Start(ctx, serving.Options{
		Binary: h.crdwatch, Kubeconfig: kubeconfig, DataDir: dir, CacheDir: filepath.Join(h.dir, "cache"),
	})
}

// syncTimeOfDisk is the median time that the disk takes to keep a page for good.
func syncTimeOfDisk(dir string) (time.Duration, error) {
	const times, page = 101, 4 << 10
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	took := make([]time.Duration, times)
	for i := range took {
		start := time.Now()
		_, err := f.WriteAt(make([]byte, page), int64(i)*page)
		if err := errors.Join(err, f.Sync()); err != nil {
			return 0, errors.Join(err, f.Close())
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[times/2], f.Close()
}
