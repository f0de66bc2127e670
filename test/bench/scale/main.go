// Command scale measures how crdwatch grows: with the number of CRDs, with the number of
// objects, with the changes per second, and with the length of its history.
//
// It owns sizes for which a real API server would need many gigabytes, so what is watched is
// a stand-in (package load) that takes next to nothing; each in a process of its own. What
// it finds is written as Markdown, and as plots. It refuses to judge with an exit code.
//
//	scale                                   everything, about an hour
//	scale --scenario growth                 beside the naive program, as far as that one survives
//	scale --scenario steady --lasting 10m   thousands of changes a second
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/test/bench/internal/child"
	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/standin"
)

// standinCommand makes this program a stand-in for an API server.
const standinCommand = "standin"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0 when everything was measured, 1 when something failed, 2
// for wrong flags.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == opponent.Command {
		return exit(stderr, child.Serve(ctx, stdin, stdout, opponent.Run))
	}
	if len(args) == 1 && args[0] == standinCommand {
		return exit(stderr, standin.Run(ctx, stdin, stdout))
	}
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "scale:", err)
		return 2
	}
	b := bench{options: o, out: stdout, log: stderr}
	return exit(stderr, b.run(ctx))
}

func exit(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "scale:", err)
	return 1
}

// bench is one run.
type bench struct {
	options
	out, log io.Writer
}

func (b *bench) run(ctx context.Context) error {
	for _, name := range b.scenarios {
		if err := scenarios[name](b, ctx); err != nil {
			return fmt.Errorf("scenario %s: %w", name, err)
		}
	}
	return nil
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "%s scale: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
