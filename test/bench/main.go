// Command bench measures crdwatch beside the program that anyone would write first,
// against the same real API server, and prints the ratios as a Markdown table.
//
// It owns the comparison: a scenario fills an API server (package synth makes up
// what with), then each program runs alone, in a process of its own (package
// opponent), once per round, in an order that alternates. It refuses to judge with
// an exit code: a figure that misses its budget is printed as such, because
// machines differ and ratios vary.
//
// The scenario history compares crdwatch with itself instead: the program as its users
// run it (package serving), with a history on disk and without.
//
//	bench                                   everything, about three quarters of an hour
//	bench --scenario objects --runs 1       20,000 objects, each program once
//	bench --scenario history                what a history on disk costs
//	bench --only crdwatch --profile DIR     what crdwatch spends its time and memory on
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/test/bench/internal/child"
	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/recorder"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0 when everything was measured, 1 when something
// failed, 2 for wrong flags.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == opponent.Command {
		return exit(stderr, child.Serve(ctx, stdin, stdout, opponent.Run))
	}
	if len(args) > 0 && args[0] == recordCommand {
		return exit(stderr, child.Serve(ctx, stdin, stdout, recorder.Run))
	}
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	b := bench{options: o, out: stdout, log: stderr}
	return exit(stderr, b.run(ctx))
}

func exit(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 1
}
