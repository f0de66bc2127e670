package main

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/test/bench/internal/recorder"
)

// historyReport shows what the scenario history found out.
type historyReport struct {
	options
	fixture fixture
	version string // of the API server
	results historyResults
	// sync is how long the disk takes to keep a page.
	sync time.Duration
}

// write writes Markdown.
func (r historyReport) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "### Scenario `%s`\n\n%s\n\n", historyScenario, r.describe())
	r.writeStarts(w)
	r.writePaced(w)
	r.writeFull(w)
	r.writeEngine(w)
	r.writeDisk(w)
	writeBudgets(w, receivedBudget().row(r.results.starts, restart, 0)+lateBudget().row(r.results.paced, withHistory, 0))
	fmt.Fprintf(w, "\nMedian of %d rounds; %d CPUs, %s, kube-apiserver %s, %s. A sync of one page takes this disk %s."+
		" Everything else on the machine used %s.\n\n`%s`\n\n",
		r.runs, runtime.NumCPU(), runtime.Version(), r.version, time.Now().UTC().Format(time.DateOnly),
		milliseconds(r.sync.Seconds()), r.others(), r.command())
	return w.Flush()
}

// The budgets of the scenario, as the design has them.
func receivedBudget() budgetOf[starting] {
	return budgetOf[starting]{measure: receivedBytes, to: firstStart, most: 0.02, goal: true}
}

func lateBudget() budgetOf[loading] {
	return budgetOf[loading]{measure: lateP99, most: 0.050}
}

func (r historyReport) describe() string {
	return fmt.Sprintf("`crdwatch serve` with `--data-dir` beside the same program without it, on the same API server, in turns:"+
		" %s objects of %d bytes and %d kinds. Each write changes four fields of the status of one object."+
		" The client follows the live stream, and every write was found there exactly once, and in the history.",
		grouped(fmt.Sprint(r.fixture.Objects)), r.size, len(r.fixture.Resources))
}

func (r historyReport) writeStarts(w io.Writer) {
	fmt.Fprintf(w, "Starting. The bytes are those of a start of its own, through a proxy that counts.\n\n")
	table[starting]{
		columns: []string{inMemory, firstStart, restart}, measures: startMeasures(), results: r.results.starts,
		ratios: []quotient{{firstStart, inMemory}, {restart, firstStart}, {restart, inMemory}},
	}.write(w)
}

func (r historyReport) writePaced(w io.Writer) {
	fmt.Fprintf(w, "\nAt %d writes per second.\n\n", r.rate)
	table[loading]{
		columns: []string{inMemory, withHistory}, measures: pacedMeasures(), results: r.results.paced,
		ratios: []quotient{{withHistory, inMemory}}, differences: []quotient{{withHistory, inMemory}},
	}.write(w)
	fmt.Fprintf(w, "\n%s\n", r.saturation())
}

// saturation says whether the latency can be judged: a machine that has no CPU left
// makes everything late.
func (r historyReport) saturation() string {
	const most, enough = 0.9, 0.98
	var busy, written float64
	for _, rounds := range r.results.paced {
		for _, l := range rounds {
			busy = max(busy, l.machine())
		}
		m := measureOf[loading]{value: writesPerSecond}
		if w := m.median(rounds, 0); written == 0 || w < written {
			written = w
		}
	}
	s := fmt.Sprintf("At most %s of %d CPUs were busy", cpus(busy), runtime.NumCPU())
	if busy > most*float64(runtime.NumCPU()) {
		s += ": the machine was saturated, so the latencies are its own, and the budget does not apply"
	}
	if written < enough*float64(r.rate) {
		s += "; the API server did not take as many writes as it was to be given"
	}
	return s + "."
}

func (r historyReport) writeFull(w io.Writer) {
	fmt.Fprintf(w, "\n%d writers at full speed.\n\n", r.writers)
	table[loading]{
		columns: []string{inMemory, withHistory}, measures: fullMeasures(), results: r.results.full,
		ratios: []quotient{{withHistory, inMemory}},
	}.write(w)
}

func (r historyReport) writeEngine(w io.Writer) {
	fmt.Fprintf(w, "\nWithout an API server: the events and states of that history, given to a Recorder as fast as it takes them.\n\n")
	table[recorder.Result]{
		columns: []string{inMemory, withHistory}, measures: engineMeasures(), results: r.results.engine,
		ratios: []quotient{{withHistory, inMemory}},
	}.write(w)
}

func (r historyReport) writeDisk(w io.Writer) {
	fmt.Fprintf(w, "\nOn disk, after all that.\n\n")
	table[store.Stats]{
		columns: []string{withHistory}, measures: diskMeasures(),
		results: map[string][]store.Stats{withHistory: r.results.disk},
	}.write(w)
}

// others says how busy the machine was with something else.
func (r historyReport) others() string {
	var sum, most float64
	n := 0
	add := func(s spent) {
		cores := s.share(s.Other)
		sum, most, n = sum+cores, max(most, cores), n+1
	}
	for _, rounds := range r.results.starts {
		for _, s := range rounds {
			add(s.spent)
		}
	}
	for _, column := range []map[string][]loading{r.results.paced, r.results.full} {
		for _, rounds := range column {
			for _, l := range rounds {
				add(l.spent)
			}
		}
	}
	return fmt.Sprintf("%.2f CPUs during the measurements on average, %.2f at most", sum/float64(max(1, n)), most)
}
