//go:build !race

// Command controlplane is a kube-apiserver and an etcd in one process, for
// tests, benchmarks and demonstrations: the real code, ready in seconds, on
// 127.0.0.1 only. It runs no controllers and no nodes: custom resources, RBAC
// and service account tokens work; pods, garbage collection by owner references
// and the deletion of namespaces' content do not.
//
// It is left out of builds with -race, so that go test -race ./... does not
// compile all of kube-apiserver a second time.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
	"github.com/crdwatch/crdwatch/test/controlplane/internal/pki"
)

// stopDeadline is when a stop that hangs becomes an exit. Nothing is lost: the
// data directory survives even SIGKILL.
const stopDeadline = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0 for a stop that was asked for, 1 for a failure,
// 2 for wrong flags.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "controlplane:", err)
		return 2
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if opts.exitWithParent {
		// Never joined: a Read of stdin cannot be cancelled.
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			cancel()
		}()
	}
	context.AfterFunc(ctx, func() {
		time.AfterFunc(stopDeadline, func() { os.Exit(1) })
	})
	if err := serve(ctx, opts, stdout); err != nil {
		fmt.Fprintf(stderr, "controlplane: %v\n(see %s)\n", err, opts.dir.Log())
		return 1
	}
	return 0
}

// serve blocks until ctx ends and everything has stopped, or something fails.
func serve(ctx context.Context, opts config, stdout io.Writer) error {
	keys, err := pki.Ensure(opts.dir.PKI())
	if err != nil {
		return err
	}
	if err := logToFile(opts.dir.Log()); err != nil {
		return err
	}
	etcd, err := startEtcd(opts.dir)
	if err != nil {
		return err
	}
	defer etcd.Close()
	url := fmt.Sprintf("https://127.0.0.1:%d", opts.port)
	err = layout.WriteKubeconfig(opts.dir.Kubeconfig(), url, keys.Serving.CertPEM, "admin", keys.Admin)
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		args := opts.dir.APIServerArgs(etcd.url, opts.port, opts.extra)
		return runAPIServer(ctx, args)
	})
	g.Go(func() error {
		version, err := waitReady(ctx, opts.dir.Kubeconfig())
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(layout.Ready{
			URL: url, Kubeconfig: opts.dir.Kubeconfig(), Version: version,
			Etcd: etcd.url, Log: opts.dir.Log(), PID: os.Getpid(),
		})
	})
	err = g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// logToFile sends klog, which writes to whatever os.Stderr is, to the file. The
// runtime's own messages (a panic) still go to the original standard error.
func logToFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	os.Stderr = f
	return nil
}
