package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// lastWrite is how long the event that is being written when the command is ended may
// take.
const lastWrite = time.Second

// watchOptions are the flags of crdwatch watch.
type watchOptions struct {
	*globals
	selection     selection
	output        string
	initial       bool
	count         int
	timeout       time.Duration
	ignoreStatus  bool
	specOnly      bool
	managedFields bool
	memory        memoryOptions
}

func newWatchCommand(g *globals) *cobra.Command {
	o := &watchOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "watch [TYPE[/NAME]...]",
		Short: "Show live changes: which fields of which object, by which manager",
		Long: `Show every change of custom resources as it happens: which object, which
fields, the old and the new value, and the field manager that wrote them.

TYPE is a plural, singular, kind, short name, plural.group or
plural.version.group, as in kubectl. Without TYPE, all custom resources are
watched, those too whose CRD is installed later, and the CRDs themselves.`,
		Example: `  # Everything that happens
  crdwatch watch

  # What controllers do to one object, without its status
  crdwatch watch certificates/tls-main -n web --ignore-status

  # The next ten changes of one API group, for a program
  crdwatch watch --group '*.cert-manager.io' -o jsonl --count 10`,
		ValidArgsFunction: g.completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.selection.types, o.selection.namespace = args, *g.connection.Namespace
			if err := o.validate(); err != nil {
				return usagef(cmd, "%w", err)
			}
			return o.run(cmd.Context())
		},
	}
	o.selection.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", report.Text, "Output format: "+strings.Join(report.EventFormats(), ", "))
	flags.BoolVar(&o.initial, "initial", false, "Report the objects that exist as ADDED first")
	flags.IntVar(&o.count, "count", 0, "End after this many events")
	flags.DurationVar(&o.timeout, "timeout", 0, "End after this time, for example 90s or 5m")
	flags.BoolVar(&o.ignoreStatus, "ignore-status", false, "Do not show changes of status")
	flags.BoolVar(&o.specOnly, "spec-only", false, "Show changes of spec only")
	flags.BoolVar(&o.managedFields, "show-managed-fields", false, "Show updates too that change nothing but managedFields")
	o.memory.addFlags(flags)
	choices(cmd, "output", report.EventFormats()...)
	return cmd
}

func (o *watchOptions) validate() error {
	switch {
	case !slices.Contains(report.EventFormats(), o.output):
		return fmt.Errorf("--output: unknown format %q, want one of: %s", o.output, strings.Join(report.EventFormats(), ", "))
	case o.count < 0:
		return fmt.Errorf("--count: %d is negative", o.count)
	case o.timeout < 0:
		return fmt.Errorf("--timeout: %s is negative", o.timeout)
	}
	return errors.Join(o.memory.validate(), o.selection.validate())
}

// run watches until ctx ends, enough was shown, or nobody reads any more.
func (o *watchOptions) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	defer onHangup(o.streams.out, cancel)()
	clients, err := o.connect(ctx)
	if err != nil {
		return untilEnded(ctx, err)
	}
	printer, err := report.NewPrinter(o.output, report.TextOptions{
		Width: width(o.streams.out), Palette: o.palette(o.streams.out), Location: time.Local,
	})
	if err != nil {
		return err
	}
	out := &eventWriter{
		done: ctx.Done(), events: make(chan watch.Event, 256), w: o.screen.over(o.streams.out), printer: printer, count: o.count,
		filter: report.Filter{IgnoreStatus: o.ignoreStatus, SpecOnly: o.specOnly},
	}
	budget, restore, err := o.memory.apply()
	if err != nil {
		return err
	}
	defer restore()
	manager := watch.New(watch.Options{
		MemoryBudget: budget, Clients: clients, Sink: out, Initial: o.initial, ManagedFields: o.managedFields, Logger: o.log,
		Resolve: o.selection.resolver(func(s *selected) { out.wants = s.wants }),
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { defer cancel(); return manager.Run(ctx) })
	group.Go(func() error { defer cancel(); return untilDone(ctx, out.run) })
	group.Go(func() error { o.progress(ctx, manager); return nil })
	return untilEnded(ctx, group.Wait())
}

// untilEnded takes the errors of an intended end for none. It is for what has no end of
// its own: anything else is not complete when ctx ends.
func untilEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// eventWriter is the only one that writes events to stdout. A slow reader holds up
// the watches in the end, and with them the API server, but loses nothing.
type eventWriter struct {
	done    <-chan struct{}
	events  chan watch.Event
	w       io.Writer
	printer report.Printer
	filter  report.Filter
	// wants is set before the first event comes, unless nothing could be selected.
	wants func(*watch.Event) bool
	count int
}

// Record implements watch.Sink.
func (w *eventWriter) Record(e watch.Entry) {
	for i := range e.Events {
		select {
		case w.events <- e.Events[i]:
		case <-w.done:
		}
	}
}

// untilDone is run, which it abandons some time after ctx has ended: a write to a pipe
// that nobody reads never returns.
func untilDone(ctx context.Context, run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(lastWrite):
		return nil
	}
}

func (w *eventWriter) run() error {
	for seq := uint64(0); w.count == 0 || seq < uint64(w.count); {
		select {
		case <-w.done:
			return nil
		case e := <-w.events:
			shown := w.show(&e)
			if shown == nil {
				continue
			}
			seq++
			out := *shown
			out.Seq = seq
			if err := w.printer.Print(w.w, &out); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
		}
	}
	return nil
}

func (w *eventWriter) show(e *watch.Event) *watch.Event {
	if w.wants == nil || !w.wants(e) {
		return nil
	}
	return w.filter.Apply(e)
}
