// Command demo shows crdwatch to someone who has no cluster: it starts a throwaway
// control plane, fills it with sample types and a few programs that keep writing to
// their objects, runs "crdwatch serve" on it, and "crdwatch watch" in the terminal.
//
// It owns everything that it starts and writes, all of it in one temporary
// directory, and nothing of that outlives it: not after Ctrl-C, not after SIGKILL.
// It refuses to know of any other cluster: no kubeconfig but its own is read.
//
//	demo --crdwatch ../bin/crdwatch
//	demo --crdwatch ../bin/crdwatch --duration 1m -- databases -o jsonl
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
)

// Exit codes as crdwatch has them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program without its process. It returns the exit code when everything
// that it started has ended and everything that it wrote is removed.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 2 && args[0] == janitorCommand {
		return tidyUp(stdin, args[1])
	}
	opts, err := parseOptions(args, stdout)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return exitUsage
	}
	// A closed terminal sends SIGHUP.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second signal ends us at once. The janitor does the rest.
	defer context.AfterFunc(ctx, stop)()

	d := &demo{options: opts, stdout: stdout, stderr: stderr}
	if err := d.run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return exitFailed
	}
	return exitDone
}
