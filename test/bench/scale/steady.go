package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
	"github.com/crdwatch/crdwatch/test/bench/internal/standin"
	"github.com/crdwatch/crdwatch/test/load"
)

// clients is how many live streams there are.
const clients = 100

// steady is a server that watches thousands of changes a second.
type steady struct {
	*bench
	stand  *standin.Server
	server *serving.Server
	whole  *listening // sees every event
	others []*listening
}

// steady measures, at each rate, how long a change takes to the clients.
func (b *bench) steady(ctx context.Context) (err error) {
	crds := slices.Max(b.crds)
	stand, err := b.standIn(load.Options{CRDs: crds, Objects: slices.Min(b.objects)})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "steady")
	if err != nil {
		return errors.Join(err, stand.Close())
	}
	s := &steady{bench: b, stand: stand}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	o := serving.Options{Binary: b.crdwatch, Kubeconfig: stand.Kubeconfig(), CacheDir: dir, Audit: b.audit, Procs: b.procs}
	if b.history {
		o.DataDir = dir + "/data"
	}
	if s.server, err = serving.Start(ctx, o); err != nil {
		return err
	}
	ready, err := s.server.Ready(ctx)
	if err != nil {
		return err
	}
	b.say("%d CRDs: ready after %.1f s", crds, ready.Seconds())
	if err := s.listen(ctx); err != nil {
		return err
	}
	if err := s.rest(ctx); err != nil {
		return err
	}
	var rows []spell
	for _, rate := range b.rates {
		row, err := s.spell(ctx, rate)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	defined, err := s.define(ctx)
	if err != nil {
		return err
	}
	return s.write(rows, defined)
}

// rest waits until the server has nothing to do any more: it audits everything once.
func (s *steady) rest(ctx context.Context) error {
	const patience = 15 * time.Minute
	began := time.Now()
	for {
		before, err := s.spent()
		if err != nil {
			return err
		}
		if err := opponent.Quiet(ctx, s.server.PID()); err != nil {
			return err
		}
		now, err := s.spent()
		if err != nil {
			return err
		}
		if now.at.Sub(before.at) < 10*time.Second || time.Since(began) > patience {
			s.say("at rest %.0f s later", time.Since(began).Seconds())
			return nil
		}
	}
}

// definitions is how many CRDs are added to see how soon they are watched.
const definitions = 20

// define adds CRDs, while there are changes, and returns how long it took until each was
// watched.
func (s *steady) define(ctx context.Context) (took []time.Duration, err error) {
	if err := s.stand.Change(s.rates[0]); err != nil {
		return nil, err
	}
	for range definitions {
		began := time.Now()
		name, err := s.stand.Define()
		if err != nil {
			return nil, err
		}
		for state := ""; state != "Synced"; {
			if state, err = s.server.State(ctx, name); err != nil {
				return nil, err
			}
		}
		took = append(took, time.Since(began))
	}
	return took, s.stand.Change(0)
}

func (s *steady) stop() error {
	for _, l := range append(s.others, s.whole) {
		if l != nil {
			l.Close()
		}
	}
	var err error
	if s.server != nil {
		err = s.server.Stop()
	}
	return errors.Join(err, s.stand.Close())
}

// listen opens the streams: one that sees everything, and the others with filters by
// namespace, by type and by resource.
func (s *steady) listen(ctx context.Context) (err error) {
	if s.whole, err = listenTo(ctx, s.server, ""); err != nil {
		return err
	}
	resources := s.stand.Resources()
	for i := range clients - 1 {
		l, err := listenTo(ctx, s.server, filterOf(i, resources))
		if err != nil {
			return err
		}
		s.others = append(s.others, l)
	}
	return nil
}

func filterOf(i int, resources []schema.GroupVersionResource) string {
	switch i % 4 {
	case 0:
		return fmt.Sprintf("&namespace=team-%02d", i/4)
	case 1:
		return "&type=" + []string{"ADDED", "DELETED"}[i/4%2]
	}
	return "&resource=" + resources[i*len(resources)/clients].GroupResource().String()
}

// listening is a client that notes how long each change took to it.
type listening struct {
	*serving.Listener
	mu     sync.Mutex
	events int
	delays []time.Duration
}

func listenTo(ctx context.Context, server *serving.Server, filter string) (l *listening, err error) {
	l = &listening{}
	l.Listener, err = server.Listen(ctx, filter, l.take)
	return l, err
}

func (l *listening) take(data []byte, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	if moment, ok := momentOf(data); ok {
		l.delays = append(l.delays, at.Sub(moment))
	}
}

// taken returns what was noted, and forgets the delays.
func (l *listening) taken() (events int, delays []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delays = l.delays
	l.delays = nil
	return l.events, delays
}

// spell is a time of changes at one rate.
type spell struct {
	rate int
	// made is how many changes there were in lasting, seen how many events of them came to
	// who sees everything, after a while. behind is how many had not come at the end.
	made, seen, behind int
	lasting            time.Duration
	// whole and others are the delays.
	whole, others []time.Duration
	// CPUs that were busy.
	server, stand, self float64
	// The most there was at any time, in bytes but for depth. early and late are the memory
	// after the first sixth, and at the end.
	early, late, peak uint64
	depth, bytes      float64
}

// spell makes changes at a rate, and looks every second at what they cost.
func (s *steady) spell(ctx context.Context, rate int) (sp spell, err error) {
	sp.rate = rate
	before, err := s.stand.Changed()
	if err != nil {
		return sp, err
	}
	seenBefore, _ := s.whole.taken()
	for _, l := range s.others {
		l.taken()
	}
	start, err := s.spent()
	if err != nil {
		return sp, err
	}
	if err := s.stand.Change(rate); err != nil {
		return sp, err
	}
	if err := s.watch(ctx, &sp, start.at); err != nil {
		return sp, err
	}
	if err := s.stand.Change(0); err != nil {
		return sp, err
	}
	made, err := s.stand.Changed()
	if err != nil {
		return sp, err
	}
	end, err := s.spent()
	if err != nil {
		return sp, err
	}
	sp.made, sp.lasting = made-before, end.at.Sub(start.at)
	sp.server, sp.stand, sp.self = end.busy(start, func(x spent) time.Duration { return x.server }),
		end.busy(start, func(x spent) time.Duration { return x.stand }), end.busy(start, func(x spent) time.Duration { return x.self })
	seen := s.whole.count()
	sp.behind = sp.made - (seen - seenBefore)
	if err := s.settle(ctx, seenBefore+sp.made); err != nil {
		return sp, err
	}
	seen, sp.whole = s.whole.taken()
	sp.seen = seen - seenBefore
	for _, l := range s.others {
		_, delays := l.taken()
		sp.others = append(sp.others, delays...)
	}
	s.say("%5d/s: %d changes in %.0f s, %d not yet seen at the end; p50 %s, p99 %s, most %s; crdwatch %.2f CPUs, RSS %d MiB; queue %.0f",
		rate, sp.made, sp.lasting.Seconds(), sp.behind, quantile(sp.whole, 0.5), quantile(sp.whole, 0.99), quantile(sp.whole, 1), sp.server, sp.late>>20, sp.depth)
	return sp, nil
}

func (l *listening) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events
}

// watch looks at the server until the time is over.
func (s *steady) watch(ctx context.Context, sp *spell, began time.Time) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Since(began) < s.lasting {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := s.whole.Err(); err != nil {
			return err
		}
		memory, err := opponent.ProcessMemory(s.server.PID())
		if err != nil {
			return err
		}
		const depth, size = "crdwatch_queue_depth", "crdwatch_queue_bytes"
		queue, err := s.server.Metrics(ctx, depth, size)
		if err != nil {
			return err
		}
		sp.depth, sp.bytes = max(sp.depth, queue[depth]), max(sp.bytes, queue[size])
		sp.late, sp.peak = memory.RSS, max(sp.peak, memory.RSS)
		if time.Since(began) < s.lasting/6 {
			sp.early = memory.RSS
		}
	}
	return nil
}

// settle waits until so many events have come to who sees everything, or none comes for a
// while.
func (s *steady) settle(ctx context.Context, events int) error {
	const patience = 30 * time.Second
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, at := 0, time.Now()
	for {
		now := s.whole.count()
		if now != last {
			last, at = now, time.Now()
		}
		if now >= events || time.Since(at) > patience {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// spent is how much CPU the processes have used so far.
type spent struct {
	at                  time.Time
	server, stand, self time.Duration
}

func (s *steady) spent() (spent, error) {
	var errs [3]error
	x := spent{at: time.Now()}
	x.server, errs[0] = opponent.ProcessCPU(s.server.PID())
	x.stand, errs[1] = opponent.ProcessCPU(s.stand.PID())
	x.self, errs[2] = opponent.OwnCPU()
	return x, errors.Join(errs[:]...)
}

func (x spent) busy(since spent, of func(spent) time.Duration) float64 {
	return (of(x) - of(since)).Seconds() / x.at.Sub(since.at).Seconds()
}

// quantile of durations, in whole milliseconds.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[int(q*float64(len(sorted)-1))].Round(100 * time.Microsecond)
}
