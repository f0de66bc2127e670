package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/controlplane"
)

// bench is one run of the benchmark.
type bench struct {
	options
	out, log io.Writer
}

// run measures the scenarios one after the other, each on an API server of its own.
func (b *bench) run(ctx context.Context) error {
	if b.profile != "" {
		// The children write there from their own directory.
		var err error
		if b.profile, err = filepath.Abs(b.profile); err != nil {
			return err
		}
		if err := os.MkdirAll(b.profile, 0o755); err != nil {
			return err
		}
	}
	started := time.Now()
	for _, name := range b.scenarios {
		if err := b.scenario(ctx, scenarios[name]); err != nil {
			return fmt.Errorf("scenario %s: %w", name, err)
		}
	}
	b.say("done in %s", time.Since(started).Round(time.Second))
	return nil
}

func (b *bench) scenario(ctx context.Context, s scenario) error {
	dir := ""
	if b.keep != "" {
		dir = filepath.Join(b.keep, s.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	b.say("%s: starting an API server", s.name)
	cp, f, err := b.start(ctx, s, dir)
	if err != nil {
		return err
	}
	defer cp.Close()
	results, err := s.run(b, ctx, s, cp, f)
	if err != nil {
		return err
	}
	return results.write(b.out)
}

// compare measures the programs.
func (b *bench) compare(ctx context.Context, s scenario, cp *controlplane.ControlPlane, f fixture) (page, error) {
	results, err := b.rounds(ctx, s, cp, f)
	if err != nil {
		return nil, err
	}
	return report{options: b.options, scenario: s, fixture: f, version: cp.Version(), results: results}, nil
}

// start starts an API server and fills it. If it had to be filled, it is started
// again, so that nothing which that left behind is measured with the programs.
func (b *bench) start(ctx context.Context, s scenario, dir string) (*controlplane.ControlPlane, fixture, error) {
	cp, err := controlplane.Start(ctx, controlplane.Options{Dir: dir, Progress: b.log})
	if err != nil {
		return nil, fixture{}, err
	}
	f, filled, err := b.fixture(ctx, s, cp, dir)
	if err == nil && filled {
		err = cp.Restart(ctx)
	}
	if err != nil {
		return nil, f, errors.Join(err, cp.Close())
	}
	return cp, f, nil
}

// rounds runs each program once per round. The order is reversed in every second
// one, so that none profits from coming after another.
func (b *bench) rounds(ctx context.Context, s scenario, cp *controlplane.ControlPlane, f fixture) (map[string][]opponent.Result, error) {
	b.say("%s: warming the API server's caches", s.name)
	if _, err := b.child(ctx, cp, f, opponent.Raw, ""); err != nil {
		return nil, err
	}
	results := map[string][]opponent.Result{}
	order := slices.Clone(b.only)
	for round := range b.runs {
		for _, name := range order {
			r, err := b.child(ctx, cp, f, name, b.profile)
			if err != nil {
				return nil, err
			}
			if r.Objects != f.Objects {
				return nil, fmt.Errorf("%s saw %d objects of %d", name, r.Objects, f.Objects)
			}
			b.say("%s: round %d of %d: %-13s synced in %5.1f s, peak %4d MiB, heap %7.1f MiB", s.name, round+1, b.runs,
				name, r.Sync.Seconds(), r.Synced.Peak>>20, float64(r.Collected.Heap)/(1<<20))
			results[name] = append(results[name], r)
		}
		slices.Reverse(order)
	}
	return results, nil
}

// child measures a program in a process of its own, when the API server is quiet.
func (b *bench) child(ctx context.Context, cp *controlplane.ControlPlane, f fixture, program, profile string) (opponent.Result, error) {
	return opponent.Measure(ctx, opponent.Options{
		Program: program, Kubeconfig: cp.Kubeconfig(), Resources: f.Resources, ServerPID: cp.PID(),
		Rest: b.rest, Profile: profile,
	}, b.log)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "%s bench: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
