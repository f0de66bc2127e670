package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// options are the command line.
type options struct {
	scenarios []string
	only      []string
	runs      int
	rest      time.Duration
	keep      string
	profile   string

	seed                 uint64
	objects, size, kinds int
	crds, schema         int

	crdwatch      string
	writers, rate int
	paced, full   time.Duration
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.SortFlags = false
	fs.StringSliceVar(&o.scenarios, "scenario", allScenarios(), "what to measure")
	fs.StringSliceVar(&o.only, "only", []string{opponent.Naive, opponent.Metadata, opponent.Raw, opponent.Crdwatch},
		"scenarios objects and crds: the programs to measure; there is also "+opponent.Crdwatch50)
	fs.IntVar(&o.runs, "runs", 3, "how often each program runs; the table shows medians")
	fs.DurationVar(&o.rest, "rest", 5*time.Second, "how long a synced program is left in peace before it is measured")
	fs.IntVar(&o.objects, "objects", 20000, "all scenarios but crds: number of objects")
	fs.IntVar(&o.size, "size", 8<<10, "all scenarios but crds: bytes of JSON of each, with managedFields")
	fs.IntVar(&o.kinds, "kinds", 20, "all scenarios but crds: number of kinds that have objects")
	fs.IntVar(&o.crds, "crds", 2000, "scenarios crds and audit: number of CRDs")
	fs.IntVar(&o.schema, "schema-size", 30<<10, "scenarios crds and audit: median of the bytes of JSON of a CRD")
	fs.StringVar(&o.crdwatch, "crdwatch", cmp.Or(os.Getenv("CRDWATCH_BINARY"), "bin/crdwatch"), "scenarios history and audit: the `program`")
	fs.IntVar(&o.writers, "writers", 16, "scenario history: how many write at the same time")
	fs.IntVar(&o.rate, "rate", 500, "scenario history: writes per second where the latency is measured")
	fs.DurationVar(&o.paced, "paced", 30*time.Second, "scenario history: how long these are written")
	fs.DurationVar(&o.full, "full", 20*time.Second, "scenario history: how long is written at full speed")
	fs.Uint64Var(&o.seed, "seed", 1, "what the made-up types and objects are drawn from")
	fs.StringVar(&o.keep, "keep", "", "keep the API servers' data in this `directory`, or use what an earlier run with the same sizes left there")
	fs.StringVar(&o.profile, "profile", "", "write profiles of each program to this `directory`; they cost time, so do not compare such runs")
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
		if !slices.Contains(allScenarios(), name) {
			return fmt.Errorf("--scenario: unknown scenario %q, want one of: %s", name, strings.Join(allScenarios(), ", "))
		}
	}
	for _, name := range o.only {
		if err := opponent.Known(name); err != nil {
			return fmt.Errorf("--only: %w", err)
		}
	}
	for name, n := range map[string]int{
		"runs": o.runs, "objects": o.objects, "size": o.size, "kinds": o.kinds, "crds": o.crds, "schema-size": o.schema,
		"writers": o.writers, "rate": o.rate, "paced": int(o.paced), "full": int(o.full),
	} {
		if n < 1 {
			return fmt.Errorf("--%s: %d is not positive", name, n)
		}
	}
	return o.validateBinary()
}

// validateBinary tells before the quarter of an hour that comes first.
func (o options) validateBinary() error {
	if !slices.Contains(o.scenarios, historyScenario) && !slices.Contains(o.scenarios, auditScenario) {
		return nil
	}
	if _, err := exec.LookPath(o.crdwatch); err != nil {
		return fmt.Errorf("--crdwatch: %w", err)
	}
	return nil
}

// allScenarios are in the order of what they build on.
func allScenarios() []string {
	return []string{objectsScenario, crdsScenario, auditScenario, historyScenario}
}

// command is the command line that repeats the measurement.
func (o options) command() string {
	return fmt.Sprintf("bench --scenario %s --only %s --runs %d --objects %d --size %d --kinds %d --crds %d --schema-size %d"+
		" --writers %d --rate %d --paced %s --full %s --seed %d",
		strings.Join(o.scenarios, ","), strings.Join(o.only, ","), o.runs, o.objects, o.size, o.kinds, o.crds, o.schema,
		o.writers, o.rate, o.paced, o.full, o.seed)
}
