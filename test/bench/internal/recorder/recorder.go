// Package recorder measures how many events a report.Recorder takes, without an API
// server and without a watch.
//
// It owns the feeding: the events and the latest states of a history that a real
// program wrote become entries again, and are recorded over and over, each time with
// revisions of their own. It refuses to make up events.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// Options of one measurement. It is JSON between the processes.
type Options struct {
	// Source is the data directory that the entries are of.
	Source string
	// Dir is the data directory to fill; empty for a Recorder without a store.
	Dir string
	// Duration is how long entries are given to it.
	Duration time.Duration
}

// Result is what one process measured of itself.
type Result struct {
	// Events were recorded, and are on disk if there is one, after Elapsed.
	Events  int
	Elapsed time.Duration
	// CPU is what the process used in that time.
	CPU time.Duration
}

// Run measures.
func Run(ctx context.Context, o Options) (r Result, err error) {
	entries, err := read(ctx, o.Source)
	if err != nil {
		return r, err
	}
	if o.Dir == "" {
		ledger := report.NewLedger(report.LedgerOptions{})
		return measure(o.Duration, entries, report.NewRecorder(report.RecorderOptions{Ledger: ledger}), nil)
	}
	s, err := store.Open(ctx, o.Dir, store.Options{})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if r, err = toDisk(ctx, o.Duration, entries, s); err != nil {
		return r, err
	}
	last, err := s.LastSeq(ctx)
	if err == nil && last != uint64(r.Events) {
		err = fmt.Errorf("recorded %d events, the history has %d", r.Events, last)
	}
	return r, err
}

func toDisk(ctx context.Context, duration time.Duration, entries [][]watch.Entry, s *store.SQLite) (Result, error) {
	ledger, err := report.OpenLedger(ctx, report.LedgerOptions{History: s})
	if err != nil {
		return Result{}, err
	}
	recorder := report.NewRecorder(report.RecorderOptions{Ledger: ledger, Store: s})
	committing := make(chan error, 1)
	go func() { committing <- recorder.Run(ctx) }()
	return measure(duration, entries, recorder, func() error {
		recorder.Close()
		return <-committing
	})
}

// measure gives the entries of each resource in order and those of different resources
// at the same time, as the monitors do. finish waits until all are kept.
func measure(duration time.Duration, entries [][]watch.Entry, sink watch.Sink, finish func() error) (r Result, err error) {
	before, err := opponent.OwnCPU()
	if err != nil {
		return r, err
	}
	start := time.Now()
	var events atomic.Int64
	var feeding sync.WaitGroup
	for _, own := range entries {
		feeding.Go(func() { events.Add(feed(own, sink, start.Add(duration))) })
	}
	feeding.Wait()
	if finish != nil {
		if err := finish(); err != nil {
			return r, err
		}
	}
	r.Elapsed, r.Events = time.Since(start), int(events.Load())
	after, err := opponent.OwnCPU()
	r.CPU = after - before
	return r, err
}

// feed records entries again and again until it is time, and returns how many.
func feed(entries []watch.Entry, sink watch.Sink, until time.Time) (n int64) {
	for pass := uint64(0); ; pass++ {
		for _, e := range entries {
			if time.Now().After(until) {
				return n
			}
			sink.Record(later(e, pass))
			n++
		}
	}
}

// later is the entry of a later revision with the same changes: no two events of a
// history have the same ID.
func later(e watch.Entry, pass uint64) watch.Entry {
	const between = 1 << 40
	ev := e.Events[0]
	n, _ := strconv.ParseUint(ev.ResourceVersion, 10, 64)
	ev.ResourceVersion = strconv.FormatUint(n+pass*between, 10)
	ev.ID = fmt.Sprintf("%s/%s", ev.UID, ev.ResourceVersion)
	e.Events = []watch.Event{ev}
	e.Checkpoint.Position = ev.ResourceVersion
	return e
}

// read makes entries of a history, one list for each resource that has any.
func read(ctx context.Context, dir string) ([][]watch.Entry, error) {
	r, err := store.OpenReadOnly(ctx, dir)
	if err != nil {
		return nil, err
	}
	all, err := readAll(ctx, r)
	return all, errors.Join(err, r.Close())
}

func readAll(ctx context.Context, r *store.Reader) ([][]watch.Entry, error) {
	checkpoints, err := r.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	all := make([][]watch.Entry, len(checkpoints))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for i, c := range checkpoints {
		g.Go(func() (err error) {
			all[i], err = readResource(ctx, r, c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return withAny(all)
}

// withAny leaves out resources without entries, such as the CRDs.
func withAny(all [][]watch.Entry) ([][]watch.Entry, error) {
	var some [][]watch.Entry
	for _, entries := range all {
		if len(entries) > 0 {
			some = append(some, entries)
		}
	}
	if len(some) == 0 {
		return nil, errors.New("the history has no events to record again")
	}
	return some, nil
}

func readResource(ctx context.Context, r *store.Reader, c watch.Checkpoint) ([]watch.Entry, error) {
	objects := map[types.UID]*watch.Record{}
	for o, err := range r.Objects(ctx, c.Resource) {
		if err != nil {
			return nil, err
		}
		objects[o.UID] = watch.Restore(o)
	}
	var entries []watch.Entry
	for ev, err := range r.Events(ctx, store.Query{Resource: c.Ref.Name(), Type: watch.Modified}) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, watch.Entry{Checkpoint: c, Events: []watch.Event{ev}, Object: objects[ev.UID]})
	}
	return entries, nil
}
