package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/load"
)

// curve is how the programs grow along one axis.
type curve struct {
	// name is that of what is counted along the axis.
	name  string
	sizes []int
	// load is what there is to be watched at a size.
	load func(size int) load.Options
	// results are by program and size. Where there are none, refused says why.
	results map[string]map[int][]opponent.Result
	refused map[string]map[int]string
}

// growth measures the programs at each size.
func (b *bench) growth(ctx context.Context) error {
	curves := []*curve{
		{name: "CRDs", sizes: b.crds, load: func(n int) load.Options { return load.Options{CRDs: n} }},
		{name: "objects", sizes: b.objects, load: func(n int) load.Options { return load.Options{CRDs: b.kinds, Objects: n} }},
	}
	for _, c := range curves {
		c.results, c.refused = map[string]map[int][]opponent.Result{}, map[string]map[int]string{}
		for _, program := range b.only {
			c.results[program], c.refused[program] = map[int][]opponent.Result{}, map[int]string{}
		}
		slices.Sort(c.sizes)
		for _, size := range c.sizes {
			if err := b.point(ctx, c, size); err != nil {
				return err
			}
		}
		if err := errors.Join(c.write(b.out, b.options), c.plot(b.plots)); err != nil {
			return err
		}
	}
	return nil
}

// point measures all programs at one size.
func (b *bench) point(ctx context.Context, c *curve, size int) error {
	s, err := b.standIn(c.load(size))
	if err != nil {
		return err
	}
	order := slices.Clone(b.only)
	for range b.runs {
		for _, program := range order {
			if why := c.tooLarge(program, size); why != "" {
				b.say("%d %s: %s: %s", size, c.name, program, why)
				c.refused[program][size] = why
				continue
			}
			r, err := opponent.Measure(ctx, opponent.Options{
				Program: program, Kubeconfig: s.Kubeconfig(), Resources: s.Resources(), ServerPID: s.PID(), Rest: b.rest, Profile: b.profile,
			}, b.log)
			if err != nil {
				return errors.Join(err, s.Close())
			}
			if want := c.load(size).Objects; r.Objects != want {
				return errors.Join(fmt.Errorf("%s saw %d objects of %d", program, r.Objects, want), s.Close())
			}
			b.say("%d %s: %-13s synced in %6.1f s, CPU %6.1f s, peak %5d MiB, heap %7.1f MiB, allocated %7d MiB; stand-in %5.1f s", size, c.name, program,
				r.Sync.Seconds(), r.CPU.Seconds(), r.Synced.Peak>>20, float64(r.Collected.Heap)/(1<<20),
				(r.Synced.Allocated-r.Idle.Allocated)>>20, r.ServerCPU.Seconds())
			c.results[program][size] = append(c.results[program][size], r)
		}
		slices.Reverse(order)
	}
	return s.Close()
}

// tooLarge tells why a program is not run at a size: it would take more memory than there
// is, going by what it took at the size before. An opponent that is killed has no figures.
func (c *curve) tooLarge(program string, size int) string {
	at := slices.Index(c.sizes, size)
	if at == 0 {
		return ""
	}
	before := c.sizes[at-1]
	took := c.results[program][before]
	if len(took) == 0 {
		return "was not run at " + strconv.Itoa(before)
	}
	need := float64(took[0].Synced.Peak-took[0].Idle.RSS) * float64(size) / float64(before)
	free, err := availableMemory()
	if err != nil || need < 0.8*float64(free) {
		return ""
	}
	return fmt.Sprintf("would take about %.0f GiB, and %.0f are free", need/(1<<30), float64(free)/(1<<30))
}

// availableMemory is what the system could give to a program.
func availableMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo does not say MemAvailable")
}
