package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// serveOptions are the flags of crdwatch serve.
type serveOptions struct {
	*globals
	selection     selection
	reportAddress string
	probeAddress  string
	auth          string
}

func newServeCommand(g *globals) *cobra.Command {
	o := &serveOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the auditor: report endpoint, probes, metrics",
		Long: `Watch every custom resource and report over HTTP: resources, events (JSON, NDJSON,
Server-Sent Events) and metrics on the report address; /livez, /startupz and /readyz
on the probe address.

The report endpoint does not authenticate its callers yet, so it listens on loopback
addresses only.`,
		Example: `  crdwatch serve
  curl -s localhost:8080/api/v1/resources
  curl -sN 'localhost:8080/api/v1/events?watch=true'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.selection.namespace = *g.connection.Namespace
			if err := o.validate(); err != nil {
				return usagef(cmd, "%w", err)
			}
			return o.run(cmd.Context())
		},
	}
	o.selection.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.reportAddress, "report-address", "127.0.0.1:8080", "Address of the report endpoint")
	flags.StringVar(&o.probeAddress, "probe-address", ":8081", "Address of the probes")
	flags.StringVar(&o.auth, "auth", "none", "Who may read the report endpoint: none asks nobody, and is allowed on a loopback address only")
	return cmd
}

func (o *serveOptions) validate() error {
	if o.auth != "none" {
		return fmt.Errorf("--auth: %q is not supported, want none", o.auth)
	}
	host, _, err := net.SplitHostPort(o.reportAddress)
	if err != nil {
		return fmt.Errorf("--report-address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--report-address: %s is not a loopback address, and --auth none would let anyone read there; use 127.0.0.1", o.reportAddress)
	}
	if _, _, err := net.SplitHostPort(o.probeAddress); err != nil {
		return fmt.Errorf("--probe-address: %w", err)
	}
	return o.selection.validate()
}

// run serves until ctx ends or a server fails. The API server need not be there:
// readiness tells.
func (o *serveOptions) run(ctx context.Context) error {
	metrics := report.NewMetrics(report.Build{Version: buildInfo().Version, Revision: buildInfo().Commit})
	cfg, err := o.restConfig()
	if err != nil {
		return err
	}
	clients, err := watch.NewClients(cfg, metrics)
	if err != nil {
		return err
	}
	ledger := report.NewLedger(report.LedgerOptions{
		// No sequence number of an earlier process means anything to this one.
		Base: uint64(time.Now().UnixMicro()), Observe: metrics.Recorded,
	})
	sink := &selectedSink{ledger: ledger}
	manager := watch.New(watch.Options{
		Clients: clients, Sink: sink, Observer: metrics, Logger: o.log,
		Resolve: o.selection.resolver(func(s *selected) { sink.wants = s.wants }),
	})
	if err := metrics.Watch(manager); err != nil {
		return err
	}
	return o.serve(ctx, manager, ledger, metrics)
}

func (o *serveOptions) serve(ctx context.Context, manager *watch.Manager, ledger *report.Ledger, metrics *report.Metrics) error {
	server, err := report.Listen(ctx, report.ServerOptions{
		ReportAddress: o.reportAddress, ProbeAddress: o.probeAddress, Logger: o.log,
		Handler: report.NewHandler(report.HandlerOptions{
			Ledger: ledger, Inventory: manager, Metrics: metrics, Now: time.Now,
		}),
	})
	if err != nil {
		return err
	}
	if !o.quiet {
		fmt.Fprintf(o.streams.err, "report: http://%s  probes: http://%s\n", server.ReportAddr(), server.ProbeAddr())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return manager.Run(ctx) })
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error { o.progress(ctx, manager); return nil })
	return group.Wait()
}

// selectedSink keeps out of the ledger what was not selected. wants is set before
// the first event comes, unless nothing could be selected.
type selectedSink struct {
	ledger *report.Ledger
	wants  func(*watch.Event) bool
}

// Record implements watch.Sink.
func (s *selectedSink) Record(e watch.Entry) {
	for i := range e.Events {
		if s.wants != nil && s.wants(&e.Events[i]) {
			s.ledger.Record(e.Events[i])
		}
	}
}
