package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
)

const (
	// peace is how long changes are followed while nothing is removed.
	peace = 30 * time.Second
	// settled is how long nothing must have been removed, and the file not have become
	// smaller, when all is done.
	settled = 15 * time.Second
)

// retention is what clients noticed of old events being removed.
type retention struct {
	name  string
	ready time.Duration
	// removed events, in which time since the server was ready.
	removed uint64
	lasting time.Duration
	// unfinished: it was not waited until all was removed, and the space given back.
	unfinished bool
	// before and after are the bytes of the database.
	before, after int64
	// delays are those from a change to the event at the client.
	delays []time.Duration
	peak   uint64
}

// retain measures how late events are: in peace, while the oldest third is removed for
// its age, and while the next third is for its size.
func (d *deep) retain(ctx context.Context) error {
	size, err := d.bytes()
	if err != nil {
		return err
	}
	var states int64
	if states, err = d.states(ctx); err != nil {
		return err
	}
	newest, err := d.newest(ctx)
	if err != nil {
		return err
	}
	keep := time.Since(newest.Add(-span * 2 / 3)).Round(time.Minute)
	for _, r := range []struct {
		name   string
		wanted int
		flags  []string
	}{
		{"nothing is removed", 0, forever},
		{"a third is too old", d.depth.events / 3, []string{"--retention", fmt.Sprintf("%dm", int(keep.Minutes()))}},
		{"half of the rest is too much", d.depth.events / 3, []string{"--retention", "30d", "--max-size", strconv.FormatInt(states+(size-states)/3, 10)}},
	} {
		if err := d.prune(ctx, r.name, r.flags, r.wanted); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// bytes are those of the database, without its log.
func (d *deep) bytes() (int64, error) {
	info, err := os.Stat(filepath.Join(d.data, "history", "history.db"))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// states are the bytes of all that is no event. It is also what is told of the disk.
func (d *deep) states(ctx context.Context) (int64, error) {
	r, err := store.OpenReadOnly(ctx, d.data)
	if err != nil {
		return 0, err
	}
	d.report.stats, err = r.Stats(ctx)
	states := d.report.stats.Bytes
	for _, p := range d.report.stats.Parts {
		if p.Name == store.PartEvents || p.Name == store.PartEventIndexes || p.Name == store.PartLog || p.Name == store.PartFree {
			states -= p.Bytes
		}
	}
	return states, errors.Join(err, r.Close())
}

// prune starts a server with flags, has objects change, and follows them until nothing is
// left to be removed.
func (d *deep) prune(ctx context.Context, name string, flags []string, wanted int) (err error) {
	row := retention{name: name}
	r, err := store.OpenReadOnly(ctx, d.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	first, err := r.FirstSeq(ctx)
	if err != nil {
		return err
	}
	if row.before, err = d.bytes(); err != nil {
		return err
	}
	server, s, err := d.start(ctx, d.stand, d.data, flags...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stand.Change(0), server.Stop()) }()
	row.ready = s.ready
	began := time.Now()
	if row.delays, err = d.late(ctx, server, func() error {
		if wanted == 0 {
			return pass(ctx, peace)
		}
		row.unfinished, err = d.shrunk(ctx, r, first+uint64(wanted*9/10))
		return err
	}); err != nil {
		return err
	}
	row.lasting = time.Since(began)
	now, err := r.FirstSeq(ctx)
	if err != nil {
		return err
	}
	row.removed = now - first
	memory, err := opponent.ProcessMemory(server.PID())
	if err != nil {
		return err
	}
	row.peak = memory.Peak
	if row.after, err = d.bytes(); err != nil {
		return err
	}
	d.say("%s: ready after %.1f s, %d events removed in %.0f s, %d MiB to %d MiB; delays p50 %s, p99 %s, at most %s", name, row.ready.Seconds(),
		row.removed, row.lasting.Seconds(), row.before>>20, row.after>>20, part(row.delays, 0.5), part(row.delays, 0.99), part(row.delays, 1))
	d.report.retentions = append(d.report.retentions, row)
	return nil
}

// shrunk waits until the events before one are gone, and the space is given back, but no
// longer than it has patience.
func (d *deep) shrunk(ctx context.Context, r *store.Reader, goal uint64) (unfinished bool, err error) {
	deadline, since := time.Now().Add(d.depth.patience), time.Now()
	oldest, smallest := uint64(0), int64(math.MaxInt64)
	for time.Now().Before(deadline) {
		first, err := r.FirstSeq(ctx)
		if err != nil {
			return false, err
		}
		size, err := d.bytes()
		if err != nil {
			return false, err
		}
		if size < smallest || first > oldest || first < goal {
			oldest, smallest, since = first, min(size, smallest), time.Now()
		}
		if time.Since(since) > settled {
			return false, nil
		}
		if err := pass(ctx, time.Second); err != nil {
			return false, err
		}
	}
	return true, nil
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// late has objects change while something lasts, and returns how late the events were at
// a client, sorted.
func (d *deep) late(ctx context.Context, server *serving.Server, during func() error) ([]time.Duration, error) {
	var mu sync.Mutex
	var delays []time.Duration
	l, err := server.Listen(ctx, "", func(data []byte, at time.Time) {
		if moment, ok := momentOf(data); ok {
			mu.Lock()
			defer mu.Unlock()
			delays = append(delays, at.Sub(moment))
		}
	})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if err := d.stand.Change(d.depth.rate); err != nil {
		return nil, err
	}
	if err := errors.Join(during(), l.Err()); err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(delays)
	if len(delays) == 0 {
		err = errors.New("no event came")
	}
	return delays, err
}

// momentOf finds in the JSON of an event when the stand-in made the change.
func momentOf(data []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(data, []byte(`"new":"`+finishedAt))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	micros, err := strconv.ParseInt(string(text), 10, 64)
	return time.UnixMicro(micros), ok && err == nil
}
