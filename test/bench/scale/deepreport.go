package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/test/load"
)

// The goals, for a million objects of 4 KB and ten million events.
const (
	mostMemory  = 1 << 30
	mostAsking  = 50 * time.Millisecond
	mostRestart = time.Minute
	// mostStall is how much later the latest event may be while old ones are removed: as
	// much as it may be late at all.
	mostStall = 50 * time.Millisecond
)

// deepReport is what the scenario found out. There is no first start where the history
// was filled before.
type deepReport struct {
	first, restart starting
	answers        []answers
	retentions     []retention
	stats          store.Stats
}

// write writes Markdown.
func (d *deep) write() error {
	var b strings.Builder
	r := &d.report
	fmt.Fprintf(&b, "### Scenario `deep`\n\n`crdwatch serve --data-dir` with %d objects of %d bytes of %d kinds and %d events of %s; audit: %t.\n\n",
		d.depth.objects, d.size, d.kinds, d.depth.events, span, d.depth.audit)
	r.writeStarts(&b)
	r.writeDisk(&b)
	r.writeAnswers(&b, d.depth.questions)
	r.writeRetentions(&b, d.depth.rate)
	r.writeVerdicts(&b)
	_, err := io.WriteString(d.out, b.String()+"\n")
	return err
}

func (r *deepReport) writeStarts(b *strings.Builder) {
	b.WriteString("| | first start | restart |\n|---|---:|---:|\n")
	row := func(name string, cell func(*starting) string) {
		first := "–"
		if r.first.ready > 0 {
			first = cell(&r.first)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, first, cell(&r.restart))
	}
	row("time to /readyz", func(s *starting) string { return fmt.Sprintf("%.1f s", s.ready.Seconds()) })
	row("CPU until then", func(s *starting) string { return fmt.Sprintf("%.1f s", s.cpu.Seconds()) })
	row("RSS then", func(s *starting) string { return mib(s.atReady.RSS) })
	row("RSS until then, at most", func(s *starting) string { return mib(s.atReady.Peak) })
	for _, kind := range []string{load.Get, load.Count, load.List, load.WatchList, load.Resume} {
		row("requests: "+kind, func(s *starting) string { return fmt.Sprint(s.requests[kind]) })
	}
	fmt.Fprintf(b, "\nRSS after all that was asked: %s, at most %s.\n\n", mib(r.restart.later.RSS), mib(r.restart.later.Peak))
}

func mib(bytes uint64) string { return fmt.Sprintf("%d MiB", bytes>>20) }

func (r *deepReport) writeDisk(b *strings.Builder) {
	b.WriteString("| on disk | |\n|---|---:|\n")
	for _, p := range r.stats.Parts {
		fmt.Fprintf(b, "| %s | %s |\n", p.Name, mib(uint64(p.Bytes)))
	}
	fmt.Fprintf(b, "| an event, with its indexes | %.0f B |\n| an object, with the dictionaries | %.0f B |\n\n", r.stats.BytesPerEvent, r.stats.BytesPerObject)
}

func (r *deepReport) writeAnswers(b *strings.Builder, times int) {
	fmt.Fprintf(b, "Asked over HTTP, %d times each, drawn at random; a page has up to %d events.\n\n", times, page)
	b.WriteString("| events of | events on average | p50 | p99 | at most |\n|---|---:|---:|---:|---:|\n")
	for _, a := range r.answers {
		fmt.Fprintf(b, "| %s | %.1f | %s | %s | %s |\n", a.name, float64(a.items)/float64(len(a.took)),
			millis(part(a.took, 0.5)), millis(part(a.took, 0.99)), millis(part(a.took, 1)))
	}
	b.WriteString("\n")
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func (r *deepReport) writeRetentions(b *strings.Builder, rate int) {
	fmt.Fprintf(b, "At %d changes a second, from the change to the event at a client of the live stream.\n\n", rate)
	b.WriteString("| | ready after | removed | in | database before | after | p50 | p99 | p99.9 | at most | RSS, at most |\n|---" + strings.Repeat("|---:", 10) + "|\n")
	for _, t := range r.retentions {
		name := t.name
		if t.unfinished {
			name += ", not done by then"
		}
		fmt.Fprintf(b, "| %s | %.1f s | %d | %.0f s | %s | %s | %s | %s | %s | %s | %s |\n", name, t.ready.Seconds(), t.removed, t.lasting.Seconds(),
			mib(uint64(t.before)), mib(uint64(t.after)), millis(part(t.delays, 0.5)), millis(part(t.delays, 0.99)), millis(part(t.delays, 0.999)),
			millis(part(t.delays, 1)), mib(t.peak))
	}
	b.WriteString("\n")
}

// writeVerdicts holds all that against the goals.
func (r *deepReport) writeVerdicts(b *strings.Builder) {
	b.WriteString("| goal | at most | measured | |\n|---|---:|---:|---|\n")
	row := func(name, most, measured string, met bool) {
		verdict := "met"
		if !met {
			verdict = "**not met**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, most, measured, verdict)
	}
	memory, slowest := max(r.first.atReady.Peak, r.restart.later.Peak), time.Duration(0)
	for _, a := range r.answers {
		slowest = max(slowest, part(a.took, 0.99))
	}
	stall, quiet := time.Duration(0), time.Duration(0)
	for i, t := range r.retentions {
		memory = max(memory, t.peak)
		if i == 0 {
			quiet = part(t.delays, 1)
		}
		stall = max(stall, part(t.delays, 1)-quiet)
	}
	listed := r.restart.requests[load.List] + r.restart.requests[load.WatchList]
	row("RSS, at any time", mib(mostMemory), mib(memory), memory <= mostMemory)
	row("a question, p99 of the slowest kind", millis(mostAsking), millis(slowest), slowest <= mostAsking)
	row("restart to ready", fmt.Sprintf("%.0f s", mostRestart.Seconds()), fmt.Sprintf("%.1f s", r.restart.ready.Seconds()), r.restart.ready <= mostRestart)
	row("lists of objects for that", "0", fmt.Sprint(listed), listed == 0)
	row("the latest event, later than in peace", millis(mostStall), millis(stall), stall <= mostStall)
}
