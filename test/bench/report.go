package main

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// report shows the results of one scenario.
type report struct {
	options
	scenario scenario
	fixture  fixture
	version  string // of the API server
	results  map[string][]opponent.Result
}

// divisor is what per-object figures are divided by; without objects, the CRDs.
func (r report) divisor() int {
	if r.fixture.Objects > 0 {
		return r.fixture.Objects
	}
	return len(r.fixture.Resources)
}

// write writes Markdown.
func (r report) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "### Scenario `%s`\n\n%s\n\n", r.scenario.name, r.scenario.describe(r))
	r.table(w)
	if r.fixture.Objects > 0 {
		fmt.Fprintln(w, "\n\\* What the same process had before it began is subtracted.")
	}
	r.budgets(w)
	fmt.Fprintf(w, "\nMedian of %d rounds; %d CPUs, %s, kube-apiserver %s, %s. Everything else on the machine used %s.\n\n`%s`\n\n",
		r.runs, runtime.NumCPU(), runtime.Version(), r.version, time.Now().UTC().Format(time.DateOnly), r.others(), r.command())
	return w.Flush()
}

func (r report) table(w io.Writer) {
	t := table[opponent.Result]{columns: r.only, measures: r.scenario.measures, results: r.results, objects: r.divisor()}
	for _, name := range r.compared() {
		t.ratios = append(t.ratios, quotient{opponent.Crdwatch, name})
	}
	t.write(w)
}

// compared are the programs that crdwatch is compared with.
func (r report) compared() []string {
	if r.results[opponent.Crdwatch] == nil {
		return nil
	}
	var names []string
	for _, name := range []string{opponent.Naive, opponent.Metadata, opponent.Raw} {
		if r.results[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

func (r report) budgets(w io.Writer) {
	var rows strings.Builder
	for _, b := range r.scenario.budgets {
		rows.WriteString(b.row(r.results, opponent.Crdwatch, r.divisor()))
	}
	writeBudgets(w, rows.String())
}

// others says how busy the machine was with something else during the syncs.
func (r report) others() string {
	var sum, most float64
	n := 0
	for _, rounds := range r.results {
		for _, result := range rounds {
			cores := result.OtherCPU.Seconds() / result.Sync.Seconds()
			sum, most, n = sum+cores, max(most, cores), n+1
		}
	}
	return fmt.Sprintf("%.2f CPUs during the syncs on average, %.2f at most", sum/float64(max(1, n)), most)
}

func describeObjects(r report) string {
	f := r.fixture
	s := fmt.Sprintf("%s objects of %d kinds, one CRD each.", grouped(fmt.Sprint(f.Objects)), len(f.Resources))
	if raw := r.results[opponent.Raw]; raw != nil {
		bytes := raw[0].Bytes / int64(max(1, f.Objects))
		s += fmt.Sprintf(" On the wire an object takes %s bytes on average, of which %s are the object without managedFields.",
			grouped(fmt.Sprint(bytes)), grouped(fmt.Sprint(f.Share.Total/max(1, f.Objects))))
	}
	percent := func(n int) int { return (100*n + f.Share.Total/2) / max(1, f.Share.Total) }
	return s + fmt.Sprintf(" Of these, %d %% are random, %d %% are picked from vocabularies, %d %% repeat spec.forProvider in status.atProvider,"+
		" and the rest is names of fields and constants.", percent(f.Share.Random), percent(f.Share.Picked), percent(f.Share.Repeated))
}

func describeCRDs(r report) string {
	f := r.fixture
	return fmt.Sprintf("%s CRDs without objects, %d MB of JSON, the median of a CRD %d KB.",
		grouped(fmt.Sprint(len(f.Resources))), f.Definitions/1e6, f.Median/1e3)
}
