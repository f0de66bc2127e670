package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// options are the flags.
type options struct {
	crdwatch string // absolute path of the binary
	duration time.Duration
	noWatch  bool
	rate     float64
	// watchArgs follow "crdwatch watch".
	watchArgs []string
}

// maxRate is what the control plane and its watches still keep up with in order.
const maxRate = 20

func parseOptions(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.SortFlags = false
	flags.StringVar(&o.crdwatch, "crdwatch", "crdwatch", "The crdwatch binary to show")
	flags.DurationVar(&o.duration, "duration", 0, "End after this time, for example 90s; 0 is never")
	flags.BoolVar(&o.noWatch, "no-watch", false, "Only the cluster and crdwatch serve, nothing in this terminal")
	flags.Float64Var(&o.rate, "events-per-second", 1, "About how much happens; the whole story runs this much faster")
	flags.Usage = func() {
		fmt.Fprintf(stdout, "Usage: demo [flags] [-- arguments of crdwatch watch]\n\n%s", flags.FlagUsages())
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.ArgsLenAtDash() != 0 && flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: what crdwatch watch is to get stands behind --", flags.Arg(0))
	}
	o.watchArgs = flags.Args()
	return o, o.validate()
}

// validate names the bad flag. It makes the binary's path absolute.
func (o *options) validate() error {
	switch {
	case o.duration < 0:
		return fmt.Errorf("--duration: %s is negative", o.duration)
	case o.rate <= 0 || o.rate > maxRate:
		return fmt.Errorf("--events-per-second: %v is not above 0 and up to %d", o.rate, maxRate)
	case o.noWatch && len(o.watchArgs) > 0:
		return errors.New("--no-watch: there is no crdwatch watch to give arguments to")
	}
	path, err := exec.LookPath(o.crdwatch)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return fmt.Errorf("--crdwatch: %w (make build makes it)", err)
	}
	o.crdwatch, err = filepath.Abs(path)
	return err
}

// scaled is a time of the story at the rate asked for.
func (o *options) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / o.rate)
}
