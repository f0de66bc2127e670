package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
)

// loading is one time of writing.
type loading struct {
	spent
	// Writes were acknowledged in Writing. Every one became an event; Elapsed is until
	// the last of these had arrived.
	Writes  int
	Writing time.Duration
	// Median, P99 and Most are of the times from a write's acknowledgement to the
	// arrival of its event. They may be negative: a watch need not wait for the writer.
	Median, P99, Most time.Duration
	// RSS is the program's memory afterwards.
	RSS uint64
}

// load writes at a rate and at full speed, and notes both in a column.
func (h *history) load(ctx context.Context, server *serving.Server, column string) error {
	stream, err := server.Follow(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	for _, phase := range []struct {
		duration time.Duration
		rate     int
		results  map[string][]loading
	}{{h.paced, h.rate, h.results.paced}, {h.full, 0, h.results.full}} {
		l, err := h.write(ctx, server, stream, phase.duration, phase.rate)
		if err != nil {
			return err
		}
		h.say("%s: %-20s %6d writes at %4.0f/s, event after %.1f ms, p99 %.1f ms, %.2f CPUs busy", historyScenario, column,
			l.Writes, float64(l.Writes)/l.Writing.Seconds(), 1000*l.Median.Seconds(), 1000*l.P99.Seconds(), l.machine())
		phase.results[column] = append(phase.results[column], l)
	}
	return nil
}

func (h *history) write(ctx context.Context, server *serving.Server, stream *serving.Stream, duration time.Duration, rate int) (l loading, err error) {
	if err := opponent.Quiet(ctx, h.cp.PID()); err != nil {
		return l, err
	}
	before, err := h.meter(server.PID())
	if err != nil {
		return l, err
	}
	writes, err := h.updates.run(ctx, h.writers, duration, rate)
	if err != nil {
		return l, err
	}
	l.Writing = time.Since(before.at)
	arrivals, err := stream.Take(ctx, len(writes))
	if err != nil {
		return l, err
	}
	now, err := h.meter(server.PID())
	if err != nil {
		return l, err
	}
	l.spent = now.since(before)
	memory, err := opponent.ProcessMemory(server.PID())
	if err != nil {
		return l, err
	}
	l.RSS, l.Writes = memory.RSS, len(writes)
	return l, l.match(writes, arrivals)
}

// match finds the event of each write. That there is exactly one is more important
// than when.
func (l *loading) match(writes []update, arrivals []serving.Arrival) error {
	arrived := make(map[string]time.Time, len(arrivals))
	for _, a := range arrivals {
		if _, ok := arrived[a.ID]; ok {
			return fmt.Errorf("event %s came twice", a.ID)
		}
		arrived[a.ID] = a.At
	}
	took := make([]time.Duration, len(writes))
	for i, w := range writes {
		at, ok := arrived[w.event]
		if !ok {
			return fmt.Errorf("no event for %s, which was written", w.event)
		}
		took[i] = at.Sub(w.acknowledged)
	}
	if len(arrivals) != len(writes) {
		return fmt.Errorf("%d events for %d writes", len(arrivals), len(writes))
	}
	slices.Sort(took)
	n := len(took)
	l.Median, l.P99, l.Most = took[n/2], took[n*99/100], took[n-1]
	return nil
}
