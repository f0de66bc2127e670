package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/audit/live"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// serveOptions are the flags of crdwatch serve.
type serveOptions struct {
	*globals
	selection     selection
	reportAddress string
	probeAddress  string
	access        accessOptions
	history       dataOptions
	audit         auditorOptions
	memory        memoryOptions
}

func newServeCommand(g *globals) *cobra.Command {
	o := &serveOptions{globals: g}
	var config string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the auditor: report endpoint, probes, metrics",
		Long: `Watch every custom resource and report over HTTP: resources, events (JSON,
NDJSON, Server-Sent Events), findings and metrics on the report address;
/livez, /startupz and /readyz on the probe address.

All the time it looks for what is wrong with CRDs and their objects (see
crdwatch audit --list-rules): each finding that comes or goes is an event of
type FINDING.

With --data-dir the history of all changes is kept there, and a restart goes on
where the last process ended: what happened meanwhile is asked of the API
server. Without it the newest changes are kept in memory, and forgotten at the
end.

Where memory is short (--max-memory), only the metadata of the objects of the
largest types is watched until there is room again.

With --auth kubernetes callers show a bearer token that the API server accepts,
or a client certificate, and are shown what they may list (or watch, for a
stream) in the cluster, no more. Without it anybody may read, so it listens on a
loopback address only, and a browser needs the link that is printed as page: it
lets one browser in, and then another one is printed.`,
		Example: `  crdwatch serve
  crdwatch serve --data-dir /var/lib/crdwatch --retention 30d --max-size 10Gi
  crdwatch serve --auth kubernetes --report-address :8443 \
    --tls-cert-file tls.crt --tls-private-key-file tls.key
  curl -s localhost:8080/api/v1/resources
  curl -s 'localhost:8080/api/v1/findings?severity=high'
  curl -sN 'localhost:8080/api/v1/events?watch=true'`,
		Args: noArgs,
		// Before the shared flags are looked at: the file may have some of those, too.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if config != "" {
				if err := readServeConfig(cmd.Flags(), config); err != nil {
					return usagef(cmd, "%w", err)
				}
			}
			return g.setUp(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.selection.namespace = *g.connection.Namespace
			o.history.changed = cmd.Flags().Changed
			if err := o.validate(); err != nil {
				return usagef(cmd, "%w", err)
			}
			return untilEnded(cmd.Context(), o.run(cmd.Context()))
		},
	}
	o.selection.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&config, "config", "", "Read flags that are not given from this file: a YAML mapping of their names to values")
	o.addFlags(flags)
	return cmd
}

func (o *serveOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.reportAddress, "report-address", "127.0.0.1:8080", "Address of the report endpoint")
	flags.StringVar(&o.probeAddress, "probe-address", ":8081", "Address of the probes")
	o.history.addFlags(flags)
	o.audit.addFlags(flags)
	o.memory.addFlags(flags)
	o.access.addFlags(flags)
}

func (o *serveOptions) validate() error {
	if err := o.access.validate(o.reportAddress); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(o.probeAddress); err != nil {
		return fmt.Errorf("--probe-address: %w", err)
	}
	if err := errors.Join(o.history.validate(), o.audit.validate(), o.memory.validate()); err != nil {
		return err
	}
	return o.selection.validate()
}

// run serves until ctx ends, a server fails or the history cannot be kept. The API
// server need not be there: readiness tells.
func (o *serveOptions) run(ctx context.Context) (err error) {
	metrics := report.NewMetrics(report.Build{Version: buildInfo().Version, Revision: buildInfo().Commit})
	cfg, err := o.restConfig()
	if err != nil {
		return err
	}
	clients, err := watch.NewClients(cfg, metrics)
	if err != nil {
		return err
	}
	h, err := openDataDir(ctx, o.history, metrics, o.log)
	if err != nil {
		return err
	}
	// Last of all: the servers read from it while they drain.
	defer func() { err = errors.Join(err, h.close()) }()
	budget, restore, err := o.memory.apply()
	if err != nil {
		return err
	}
	defer restore()
	manager, auditor, err := o.engine(ctx, h, clients, metrics, budget)
	if err != nil {
		return err
	}
	if err := metrics.Watch(manager, h.recorder); err != nil {
		return err
	}
	var server *report.Server
	handler := report.HandlerOptions{
		Ledger: h.ledger, Inventory: manager, Metrics: metrics, Now: time.Now, Admit: o.access.admit(clients, metrics),
		LinkUsed: func() { o.invite(server) },
	}
	if auditor != nil {
		handler.Findings = auditor
	}
	server, err = report.Listen(ctx, report.ServerOptions{
		ReportAddress: o.reportAddress, ProbeAddress: o.probeAddress, Logger: o.log, History: h.health(),
		Handler: report.NewHandler(handler), TLS: o.access.tls(),
	})
	if err != nil {
		return err
	}
	if !o.quiet {
		fmt.Fprintf(o.streams.err, "report: %s  probes: http://%s\n", server.ReportURL(), server.ProbeAddr())
	}
	o.invite(server)
	ctx, cancel := context.WithCancel(ctx)
	var warning sync.WaitGroup
	warning.Go(func() { o.warnOfConnection(ctx, cfg, clients) })
	defer warning.Wait()
	defer cancel()
	return o.serve(ctx, server, h, clients, manager, auditor)
}

// invite says by which link a browser gets in. It is called anew when that was used.
func (o *serveOptions) invite(server *report.Server) {
	if o.access.auth == authNone && !o.quiet {
		fmt.Fprintf(o.screen.over(o.streams.err), "page: %s\n", server.PageURL())
	}
}

// warnOfConnection says what is wrong with the way to the API server. The watches, which
// go on trying, tell of what the API server answers, but nothing where it does not.
func (o *serveOptions) warnOfConnection(ctx context.Context, cfg *rest.Config, clients *watch.Clients) {
	err := preflight(ctx, cfg, clients)
	if err != nil && ctx.Err() == nil && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown {
		o.log.Warn("the CRDs cannot be read yet; trying again", "err", err)
	}
}

// engine makes what watches, and what audits, nil if that is not wanted. Both are told
// of each other before either runs.
func (o *serveOptions) engine(ctx context.Context, h *dataDir, clients *watch.Clients, metrics *report.Metrics, budget int64) (*watch.Manager, *live.Auditor, error) {
	var auditor *live.Auditor
	sink := &selectedSink{next: h.recorder}
	opts := watch.Options{
		Clients: clients, Sink: sink, Snapshots: h.snapshots(), Observer: metrics, Logger: o.log, MemoryBudget: budget,
		Resolve: o.selection.resolver(func(s *selected) { sink.choose(s.wants) }),
	}
	if o.audit.on {
		opts.StateChanged = func(crd types.UID) { auditor.StateChanged(crd) }
	}
	manager := watch.New(opts)
	if !o.audit.on {
		return manager, nil, nil
	}
	auditor, err := o.newAuditor(ctx, h, manager, clients, metrics)
	return manager, auditor, err
}

// serve runs everything until ctx ends or one part fails, and returns when all of it
// has ended. The recorder ends after the manager: only then does nothing more come.
func (o *serveOptions) serve(ctx context.Context, server *report.Server, h *dataDir, clients *watch.Clients, manager *watch.Manager, auditor *live.Auditor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error { return h.recorder.Run(ctx) })
	group.Go(func() error {
		defer h.recorder.Close()
		// Before the first commit, and before anything is removed, it must be known
		// that the history is of this cluster.
		if err := h.identify(ctx, clients.List()); err != nil {
			return err
		}
		group.Go(func() error { return h.prune(ctx) })
		return watchAndAudit(ctx, manager, auditor)
	})
	group.Go(func() error { o.progress(ctx, manager); return nil })
	group.Go(func() error { boundGarbage(ctx); return nil })
	return group.Wait()
}

// selectedSink keeps out of the history the events that were not selected. The states
// and checkpoints that came with them pass.
type selectedSink struct {
	next  watch.Sink
	wants func(*watch.Event) bool
	// early are the entries that came before it was known what is wanted. They are of
	// the CRDs alone, whose monitor waits while the selection is made.
	early []watch.Entry
}

// choose is called once, while no entry comes.
func (s *selectedSink) choose(wants func(*watch.Event) bool) {
	s.wants = wants
	for _, e := range s.early {
		s.Record(e)
	}
	s.early = nil
}

// Record implements watch.Sink.
func (s *selectedSink) Record(e watch.Entry) {
	if s.wants == nil {
		s.early = append(s.early, e)
		return
	}
	var wanted []watch.Event
	for i := range e.Events {
		if s.wants(&e.Events[i]) {
			wanted = append(wanted, e.Events[i])
		}
	}
	e.Events = wanted
	s.next.Record(e)
}
