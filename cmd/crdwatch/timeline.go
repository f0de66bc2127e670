package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// timeline is a sequence of events, oldest first. An error ends it, with one exception:
// an ErrDamaged with an event that has a Seq stands for one that cannot be read.
type timeline = iter.Seq2[watch.Event, error]

// historySource is where timelines are read from.
type historySource interface {
	// resources returns the types that are known, sorted by the names of their CRDs.
	resources(ctx context.Context) ([]discovery.Resource, error)
	// events returns what f wants: all of it, or at least the newest limit events if
	// that is not 0.
	events(ctx context.Context, f report.Filter, limit int) timeline
	// oldest returns the time of the oldest event that there is, whatever it is of, or
	// the zero time.
	oldest(ctx context.Context) (time.Time, error)
	close()
}

// readable reports whether a timeline goes on after err.
func readable(ev *watch.Event, err error) bool {
	return err == nil || ev.Seq > 0 && errors.Is(err, store.ErrDamaged)
}

// run shows the timeline, and gives up a write that nobody reads some time after ctx
// has ended.
func (o *historyOptions) run(ctx context.Context) error {
	err := untilDone(ctx, func() error { return o.show(ctx) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (o *historyOptions) show(ctx context.Context) error {
	src, err := o.open(ctx)
	if err != nil {
		return adviseDamage(err, o.dataDir)
	}
	defer src.close()
	known, err := src.resources(ctx)
	if err != nil {
		return adviseDamage(err, o.dataDir)
	}
	subjects, err := o.resolve(known)
	if err != nil {
		return err
	}
	n, err := o.print(o.timeline(ctx, src, subjects))
	if err != nil {
		return adviseDamage(err, o.dataDir)
	}
	oldest, err := src.oldest(ctx)
	if err != nil {
		return adviseDamage(err, o.dataDir)
	}
	o.conclude(n, subjects, known, oldest)
	if n.damaged > 0 && !o.allowPartial {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("the timeline is incomplete: %s could not be read", counted(n.damaged, "damaged event"))}
	}
	return nil
}

// subject is one of the types that TYPE means.
type subject struct {
	name       string // plural.group
	namespaced bool
	known      bool
}

// resolve finds the types that TYPE means. One that is not known may have been: its
// plural.group is taken at its word.
func (o *historyOptions) resolve(known []discovery.Resource) ([]subject, error) {
	found := matching(known, o.subject)
	if len(found) == 0 && strings.Contains(o.subject, ".") {
		return []subject{{name: strings.ToLower(o.subject), namespaced: true}}, nil
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the history knows no custom resource type %q; the nearest are: %s (name a deleted one by its plural.group)",
			o.subject, strings.Join(nearestTypes(known, o.subject), ", "))
	}
	namespaced := map[string]bool{}
	for _, r := range known {
		namespaced[r.CRD] = namespaced[r.CRD] || r.Namespaced
	}
	subjects := make([]subject, 0, len(found))
	for _, name := range found {
		subjects = append(subjects, subject{name: name, namespaced: namespaced[name], known: true})
	}
	return subjects, nil
}

// timeline joins the timelines of all subjects.
func (o *historyOptions) timeline(ctx context.Context, src historySource, subjects []subject) timeline {
	all := make([]timeline, 0, len(subjects))
	for _, s := range subjects {
		f := o.filter
		f.Resource = s.name
		if !s.namespaced {
			f.Namespace = ""
		}
		all = append(all, src.events(ctx, f, o.limit))
	}
	return newest(o.limit, merge(all))
}

// tally is what was shown, and what could not be.
type tally struct{ events, gaps, damaged int }

func (o *historyOptions) print(events timeline) (tally, error) {
	var n tally
	printer, err := report.NewPrinter(o.output, report.TextOptions{
		Width: width(o.streams.out), Palette: o.palette(o.streams.out), Location: time.Local, TimeLayout: time.DateTime,
	})
	if err != nil {
		return n, err
	}
	for ev, err := range events {
		switch {
		case err != nil && readable(&ev, err):
			n.damaged++
			fmt.Fprintf(o.streams.err, "warning: %v; it may have been one of these\n", err)
			continue
		case err != nil:
			return n, err
		case ev.Type == watch.Gap:
			n.gaps++
		default:
			n.events++
		}
		if err := printer.Print(o.streams.out, &ev); err != nil {
			return n, fmt.Errorf("writing: %w", err)
		}
	}
	return n, nil
}

// conclude says how much there was, to people only, and to everyone that there was
// nothing: an empty output alone could mean anything.
func (o *historyOptions) conclude(n tally, subjects []subject, known []discovery.Resource, oldest time.Time) {
	_, watched := terminal(o.streams.err)
	if o.quiet || n.events > 0 && !watched {
		return
	}
	text := counted(n.events, "event")
	if n.events == 0 {
		text = "no events of " + o.description(subjects)
	}
	if n.gaps > 0 {
		text += joint(n.events) + counted(n.gaps, "gap")
	}
	reach := "the history has no events at all yet"
	if !oldest.IsZero() {
		reach = "the history reaches back to " + oldest.In(time.Local).Format(time.DateTime)
	}
	fmt.Fprintf(o.streams.err, "%s; %s\n", text, reach)
	if n.events == 0 && !subjects[0].known {
		fmt.Fprintf(o.streams.err, "the history knows no type %q now; the nearest are: %s\n",
			o.subject, strings.Join(nearestTypes(known, o.subject), ", "))
	}
}

func joint(events int) string {
	if events == 0 {
		return "; "
	}
	return " and "
}

// description names what no events were found of, and says what that may mean: an
// object that was there from the beginning and never changed has none.
func (o *historyOptions) description(subjects []subject) string {
	names := make([]string, 0, len(subjects))
	for _, s := range subjects {
		names = append(names, s.name+"/"+o.filter.Name)
	}
	text := strings.Join(names, " or ")
	if o.filter.Namespace != "" {
		text += " in namespace " + o.filter.Namespace
	}
	only := o.filter
	only.Name, only.Namespace = "", ""
	if only != (report.Filter{}) {
		return text + " match the other flags"
	}
	return text + ": it did not change, or is not there"
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
