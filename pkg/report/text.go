package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// TextOptions are the settings of the renderings made for people.
type TextOptions struct {
	// Width is the number of columns of the terminal that events are made to fit. 0 is
	// none: then values are shortened to fit 80, and the rest is as long as it is.
	Width   int
	Palette Palette
	// Location is the time zone of the times shown. nil is UTC.
	Location *time.Location
	// TimeLayout is that of the text form. Empty is the time of day in seconds.
	TimeLayout string
}

const (
	defaultWidth = 80
	// minValues is the least room that values are given, however narrow the terminal.
	minValues  = 30
	dateTime   = "2006-01-02 15:04:05"
	typeColumn = len(watch.Modified) + 2
)

// textPrinter renders events for people. wide leaves nothing out and shortens
// nothing.
type textPrinter struct {
	TextOptions
	wide   bool
	indent string
	// whole: nothing but values is parted or shortened, so that it can be searched for.
	whole bool
}

func newTextPrinter(opts TextOptions, wide bool) *textPrinter {
	whole := wide || opts.Width == 0
	opts.Width = cmp.Or(opts.Width, defaultWidth)
	opts.Location = cmp.Or(opts.Location, time.UTC)
	opts.TimeLayout = cmp.Or(opts.TimeLayout, time.TimeOnly)
	if wide {
		opts.TimeLayout = "2006-01-02T15:04:05.000000Z07:00"
	}
	// The indent is where the type begins: details hang below it.
	indent := strings.Repeat(" ", len(noTime.In(opts.Location).Format(opts.TimeLayout))+2)
	return &textPrinter{TextOptions: opts, wide: wide, whole: whole, indent: indent}
}

// noTime has any date, to measure a layout with.
var noTime = time.Unix(0, 0)

// Print writes one event, in one call of w.Write, so that concurrent writers to a
// terminal cannot tear it apart.
func (p *textPrinter) Print(w io.Writer, ev *watch.Event) error {
	var b bytes.Buffer
	p.header(&b, ev)
	switch {
	case ev.Gap != nil:
		p.gap(&b, ev)
	case ev.Finding != nil:
		p.finding(&b, ev.Finding)
	case len(ev.Changes) == 0:
		p.by(&b, ev.Managers...)
	default:
		p.changes(&b, ev)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p *textPrinter) header(b *bytes.Buffer, ev *watch.Event) {
	typ := fmt.Sprintf("%-*s", typeColumn, plain(string(ev.Type)))
	parts := []piece{{plain(p.resource(ev.Resource)), ""}}
	if name := objectName(ev); name != "" {
		parts = append(parts, piece{plain(name), p.Palette.Name})
	}
	parts = append(parts, p.facts(ev)...)
	fmt.Fprintf(b, "%s  %s",
		paint(p.Palette.Faint, ev.Time.In(p.Location).Format(p.TimeLayout)), paint(p.typeColor(ev.Type), typ))
	p.flow(4).from(len(p.indent)+typeColumn, b, parts, "  ")
}

// flow hangs what does not fit below the indent.
func (p *textPrinter) flow(below int) flow {
	rest := len(p.indent) + below
	if p.whole {
		return flow{rest: rest, width: math.MaxInt, whole: true}
	}
	return flow{rest: rest, width: p.Width}
}

func (p *textPrinter) resource(r watch.ResourceRef) string {
	if p.wide && r.Version != "" {
		return r.Name() + "/" + r.Version
	}
	return r.Name()
}

// objectName is namespace/name, or the name alone. A GAP has none.
func objectName(ev *watch.Event) string {
	if ev.Namespace == "" {
		return ev.Name
	}
	return ev.Namespace + "/" + ev.Name
}

// facts are what the header says of an event beyond its object.
func (p *textPrinter) facts(ev *watch.Event) []piece {
	var facts []piece
	if ev.Finding != nil {
		facts = append(facts, p.findingFacts(ev.Finding)...)
	}
	// In the text form, a generation is worth its columns when it changes.
	if gen := generation(ev); gen != "" && (p.wide || strings.Contains(gen, "→")) {
		facts = append(facts, piece{gen, ""})
	}
	if ev.MetadataOnly && ev.Type != watch.Deleted {
		facts = append(facts, piece{"metadata only", ""})
	}
	if p.wide {
		facts = append(facts, wideFacts(ev)...)
	}
	// Live is what one expects; anything else is worth a word.
	if p.wide || ev.Origin != watch.Live && ev.Gap == nil {
		facts = append(facts, piece{plain(string(ev.Origin)), ""})
	}
	return facts
}

func generation(ev *watch.Event) string {
	switch {
	case ev.Generation == 0:
		return ""
	case ev.OldGeneration == 0 || ev.OldGeneration == ev.Generation:
		return fmt.Sprintf("gen %d", ev.Generation)
	}
	return fmt.Sprintf("gen %d→%d", ev.OldGeneration, ev.Generation)
}

func wideFacts(ev *watch.Event) []piece {
	var facts []piece
	if ev.ResourceVersion != "" {
		facts = append(facts, piece{"rv " + plain(ev.ResourceVersion), ""})
	}
	if ev.UID != "" {
		facts = append(facts, piece{"uid " + plain(string(ev.UID)), ""})
	}
	if ev.Seq != 0 {
		facts = append(facts, piece{fmt.Sprintf("seq %d", ev.Seq), ""})
	}
	return facts
}

func (p *textPrinter) typeColor(typ watch.EventType) string {
	switch typ {
	case watch.Added:
		return p.Palette.Added
	case watch.Modified:
		return p.Palette.Modified
	case watch.Deleted:
		return p.Palette.Deleted
	case watch.Gap, watch.Finding:
		return p.Palette.Gap
	}
	return ""
}

// by names managers on a line of their own.
func (p *textPrinter) by(b *bytes.Buffer, managers ...string) {
	if len(managers) > 0 {
		b.WriteString(p.indent)
		p.flow(3).from(len(p.indent), b, []piece{{"by " + plain(strings.Join(managers, ", ")), ""}}, "")
	}
}

// writer is who wrote a change, and how: what changes are grouped by.
type writer struct{ manager, subresource, operation string }

// changes writes the changes, grouped by who made them, where that was looked for.
func (p *textPrinter) changes(b *bytes.Buffer, ev *watch.Event) {
	groups := map[writer][]diff.Change{}
	for _, c := range ev.Changes {
		who := p.writer(c)
		groups[who] = append(groups[who], c)
	}
	for _, who := range sortedWriters(groups) {
		if !ev.MetadataOnly {
			p.by(b, who.String())
		}
		for _, c := range groups[who] {
			p.change(b, c)
		}
	}
}

// writer leaves the operation to the wide form: to most readers it says nothing.
func (p *textPrinter) writer(c diff.Change) writer {
	who := writer{manager: c.Manager, subresource: c.Subresource}
	if p.wide {
		who.operation = c.Operation
	}
	return who
}

// sortedWriters puts changes of the object before those of its subresources, and
// those that nobody is known to have made last.
func sortedWriters(groups map[writer][]diff.Change) []writer {
	writers := make([]writer, 0, len(groups))
	for who := range groups {
		writers = append(writers, who)
	}
	slices.SortFunc(writers, func(a, b writer) int {
		if (a.manager == "") != (b.manager == "") {
			return strings.Compare(b.manager, a.manager)
		}
		return cmp.Or(
			strings.Compare(a.subresource, b.subresource),
			strings.Compare(a.manager, b.manager),
			strings.Compare(a.operation, b.operation),
		)
	})
	return writers
}

func (w writer) String() string {
	if w.manager == "" {
		return "an unknown manager (managedFields does not tell)"
	}
	out := w.manager
	if w.operation != "" {
		out += "  " + w.operation
	}
	if w.subresource != "" {
		out += " (" + w.subresource + ")"
	}
	return out
}
