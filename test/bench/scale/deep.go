package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
	"github.com/crdwatch/crdwatch/test/bench/internal/standin"
	"github.com/crdwatch/crdwatch/test/load"
)

// deepOptions are the flags of the scenario deep.
type deepOptions struct {
	objects, events int
	rate            int
	questions       int
	audit           bool
	patience        time.Duration
	dir             string
}

func (o *deepOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.objects, "deep-objects", 1_000_000, "deep: number of objects")
	fs.IntVar(&o.events, "deep-events", 10_000_000, "deep: number of events in the history")
	fs.IntVar(&o.rate, "deep-rate", 200, "deep: changes per second while old events are removed")
	fs.IntVar(&o.questions, "deep-questions", 500, "deep: how often each question is asked")
	fs.BoolVar(&o.audit, "deep-audit", true, "deep: audit what is watched")
	fs.DurationVar(&o.patience, "deep-patience", 10*time.Minute, "deep: how long removing old events is followed, if it is not done before")
	fs.StringVar(&o.dir, "deep-dir", "", "deep: `directory` for the history, which is left there, and changed; one that was copied after it "+
		"was filled with the same flags is not filled again (default: a temporary one)")
}

func (o *deepOptions) validate() error {
	for name, n := range map[string]int{"objects": o.objects, "events": o.events, "rate": o.rate, "questions": o.questions} {
		if n < 1 {
			return fmt.Errorf("--deep-%s: %d is not positive", name, n)
		}
	}
	return nil
}

// deep is a server with a history at size.
type deep struct {
	*bench
	stand *standin.Server
	// home has everything that is on disk, and data the history.
	home, data string
	things     []thing
	report     deepReport
}

// deeply measures a history of very many objects and events.
func (b *bench) deeply(ctx context.Context) (err error) {
	d := &deep{bench: b, home: b.depth.dir}
	if d.home == "" {
		if d.home, err = os.MkdirTemp("", "deep"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.home)) }()
	}
	d.data = filepath.Join(d.home, "data")
	// What this program knows of the objects is large, and collecting its garbage would take
	// the CPU from what is measured.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	if d.stand, err = b.standIn(load.Options{CRDs: b.kinds, Objects: b.depth.objects}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stand.Close()) }()
	for _, step := range []func(context.Context) error{d.fill, d.read, d.resume, d.retain} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.write()
}

// fill makes the history, unless it is there.
func (d *deep) fill(ctx context.Context) error {
	if _, err := os.Stat(d.data); err == nil {
		d.say("%s was filled before", d.home)
		return nil
	}
	samples, err := d.samples(ctx)
	if err != nil {
		return err
	}
	server, first, err := d.start(ctx, d.stand, d.data)
	if err != nil {
		return err
	}
	d.report.first = first
	d.say("%d objects: ready after %.1f s, RSS %d MiB, at most %d MiB", d.depth.objects, first.ready.Seconds(), first.atReady.RSS>>20, first.atReady.Peak>>20)
	// What waits for a commit is committed before it ends.
	if err := server.Stop(); err != nil {
		return err
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	return d.append(ctx, samples)
}

// starting is what a start of the server took.
type starting struct {
	ready, cpu time.Duration
	// atReady is its memory then, later some time afterwards.
	atReady, later opponent.Memory
	// requests are those to the API server, by kind.
	requests map[string]int
}

// forever is a retention that nothing made up here is too old for.
var forever = []string{"--retention", "30d"}

// start starts a server, and waits until it is ready.
func (d *deep) start(ctx context.Context, stand *standin.Server, data string, flags ...string) (*serving.Server, starting, error) {
	var s starting
	before, err := stand.Requests()
	if err != nil {
		return nil, s, err
	}
	if len(flags) == 0 {
		flags = forever
	}
	server, err := serving.Start(ctx, serving.Options{
		Binary: d.crdwatch, Kubeconfig: stand.Kubeconfig(), DataDir: data, CacheDir: filepath.Join(d.home, "cache"),
		Audit: d.depth.audit, Flags: flags,
	})
	if err != nil {
		return nil, s, err
	}
	if s, err = d.begun(ctx, stand, server); err != nil {
		return nil, s, errors.Join(err, server.Stop())
	}
	for kind, n := range before {
		s.requests[kind] -= n
	}
	maps.DeleteFunc(s.requests, func(_ string, n int) bool { return n == 0 })
	return server, s, nil
}

func (d *deep) begun(ctx context.Context, stand *standin.Server, server *serving.Server) (s starting, err error) {
	if s.ready, err = server.Ready(ctx); err != nil {
		return s, err
	}
	if s.atReady, err = opponent.ProcessMemory(server.PID()); err != nil {
		return s, err
	}
	if s.cpu, err = opponent.ProcessCPU(server.PID()); err != nil {
		return s, err
	}
	s.requests, err = stand.Requests()
	return s, err
}

// resume measures a restart, and then what is asked.
func (d *deep) resume(ctx context.Context) error {
	server, s, err := d.start(ctx, d.stand, d.data)
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }() // a second time, unless something failed
	objects, err := server.Objects(ctx)
	if err != nil {
		return err
	}
	if objects != d.depth.objects {
		return fmt.Errorf("after the restart there are %d objects of %d", objects, d.depth.objects)
	}
	d.say("restart: ready after %.1f s, RSS %d MiB, at most %d MiB, requests %v", s.ready.Seconds(), s.atReady.RSS>>20, s.atReady.Peak>>20, s.requests)
	if err := opponent.Quiet(ctx, server.PID()); err != nil {
		return err
	}
	if err := d.ask(ctx, server); err != nil {
		return err
	}
	if s.later, err = opponent.ProcessMemory(server.PID()); err != nil {
		return err
	}
	d.say("after the questions: RSS %d MiB, at most %d MiB", s.later.RSS>>20, s.later.Peak>>20)
	d.report.restart = s
	return server.Stop()
}
