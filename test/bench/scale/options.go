package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/standin"
	"github.com/crdwatch/crdwatch/test/load"
)

// scenarios are what can be measured.
var scenarios = map[string]func(*bench, context.Context) error{
	"growth": (*bench).growth,
	"steady": (*bench).steady,
	"deep":   (*bench).deeply,
}

// options are the command line.
type options struct {
	scenarios []string
	only      []string
	seed      uint64
	runs      int
	rest      time.Duration
	crds      []int
	objects   []int
	kinds     int
	size      int
	schema    int
	crdwatch  string
	plots     string
	profile   string

	rates   []int
	lasting time.Duration
	procs   int
	history bool
	audit   bool

	depth deepOptions
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := pflag.NewFlagSet("scale", pflag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.SortFlags = false
	fs.StringSliceVar(&o.scenarios, "scenario", slices.Sorted(maps.Keys(scenarios)), "what to measure")
	fs.StringSliceVar(&o.only, "only", []string{opponent.Naive, opponent.Metadata, opponent.Raw, opponent.Crdwatch}, "growth: the programs to measure")
	fs.IntVar(&o.runs, "runs", 1, "growth: how often each program runs at each size; medians count")
	fs.DurationVar(&o.rest, "rest", 5*time.Second, "growth: how long a synced program is left in peace before it is measured")
	fs.IntSliceVar(&o.crds, "crds", []int{100, 500, 2000}, "growth: numbers of CRDs without objects; steady: the last of them")
	fs.IntSliceVar(&o.objects, "objects", []int{10000, 100000, 1000000}, "growth: numbers of objects; steady: the first of them")
	fs.IntVar(&o.kinds, "kinds", 20, "growth: number of kinds that have objects")
	fs.IntVar(&o.size, "size", 4<<10, "bytes of JSON of an object, with managedFields")
	fs.IntVar(&o.schema, "schema-size", 30<<10, "median of the bytes of JSON of a CRD")
	fs.Uint64Var(&o.seed, "seed", 1, "what everything is drawn from")
	fs.StringVar(&o.crdwatch, "crdwatch", cmp.Or(os.Getenv("CRDWATCH_BINARY"), "bin/crdwatch"), "the `program` that serves")
	fs.StringVar(&o.plots, "plots", "", "growth: write plots as SVG to this `directory`")
	fs.StringVar(&o.profile, "profile", "", "growth: write profiles of each program to this `directory`; they cost time")
	fs.IntSliceVar(&o.rates, "rates", []int{500, 1000, 2000, 5000}, "steady: changes per second, one after the other")
	fs.DurationVar(&o.lasting, "lasting", time.Minute, "steady: how long each rate lasts")
	fs.IntVar(&o.procs, "procs", 0, "steady: how many CPUs crdwatch may use at a time (0: all)")
	fs.BoolVar(&o.history, "history", true, "steady: keep a history on disk")
	fs.BoolVar(&o.audit, "audit", true, "steady: audit what is watched")
	o.depth.addFlags(fs)
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, o.validate()
}

func (o options) validate() error {
	for _, name := range o.scenarios {
		if scenarios[name] == nil {
			return fmt.Errorf("--scenario: unknown scenario %q, want one of: %s", name, strings.Join(slices.Sorted(maps.Keys(scenarios)), ", "))
		}
	}
	for _, name := range o.only {
		if err := opponent.Known(name); err != nil {
			return fmt.Errorf("--only: %w", err)
		}
	}
	for name, n := range map[string]int{
		"runs": o.runs, "kinds": o.kinds, "size": o.size, "schema-size": o.schema,
		"crds": slices.Min(append(o.crds, 1)), "objects": slices.Min(append(o.objects, 1)),
	} {
		if n < 1 {
			return fmt.Errorf("--%s: %d is not positive", name, n)
		}
	}
	if err := o.depth.validate(); err != nil {
		return err
	}
	if _, err := exec.LookPath(o.crdwatch); err != nil {
		return fmt.Errorf("--crdwatch: %w", err)
	}
	return nil
}

// standIn starts one.
func (b *bench) standIn(o load.Options) (*standin.Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o.Seed, o.Size, o.SchemaSize = b.seed, b.size, b.schema
	return standin.Start(o, b.log, self, standinCommand)
}
