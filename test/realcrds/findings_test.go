package realcrds

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/audit/scan"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// unreviewed is the word of a finding that nobody has looked at.
const unreviewed = "?"

// checkFindings audits what is installed, with valid objects that nobody has touched
// yet, an hour later. What is found from medium on up must be true: each finding stands
// in testdata/findings.txt with a word on it, and one that does not fails the test. Of
// the milder ones only the number is kept.
func checkFindings(t *testing.T) {
	t.Helper()
	report := audited(t)
	for _, u := range report.NotEvaluated {
		t.Errorf("not evaluated: %+v", u)
	}
	if *only != "" {
		for _, f := range report.Findings {
			t.Logf("%s %s %s %s: %s", f.Severity, f.Rule, f.Subject.ResourceName(), f.Subject.Object(), f.Message)
		}
		return
	}
	path := filepath.Join("testdata", "findings.txt")
	words := readWords(t, path)
	lines := findingLines(report)
	if *update {
		var b strings.Builder
		for _, line := range lines {
			word := words[line]
			if word == "" {
				word = unreviewed
			}
			fmt.Fprintf(&b, "%s\n\t%s\n", line, word)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		words = readWords(t, path)
	}
	for _, line := range lines {
		if word := words[line]; word == "" || word == unreviewed {
			t.Errorf("found, and nobody has said that it is right (%s): %s", path, line)
		}
		delete(words, line)
	}
	for _, line := range slices.Sorted(maps.Keys(words)) {
		t.Errorf("not found any more (run with -update): %s", line)
	}
}

// audited is what an audit an hour later finds.
func audited(t *testing.T) *audit.Report {
	t.Helper()
	clients, err := watch.NewClients(cp.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	report, err := scan.Run(t.Context(), scan.Options{
		Evaluator: audit.Evaluator{Rules: rules.All()}, Now: time.Now().Add(time.Hour),
		Clients: clients, Answers: lookup.New(clients, lookup.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("audited in %s", time.Since(began).Round(time.Millisecond))
	return report
}

// findingLines are a line for each finding that matters, and the number of the others
// by rule.
func findingLines(r *audit.Report) []string {
	var lines []string
	mild := map[string]int{}
	for _, f := range r.Findings {
		if f.Severity < audit.Medium {
			mild[fmt.Sprintf("%s %s", f.Severity, f.Rule)] += f.Count
			continue
		}
		subject := f.Subject.ResourceName()
		if f.Subject.Resource == "customresourcedefinitions" {
			subject = f.Subject.Name
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s: %s", f.Severity, f.Rule, subject, f.Path, f.Summary))
	}
	for key, n := range mild {
		lines = append(lines, fmt.Sprintf("%s: %d", key, n))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// readWords reads the lines of a golden file and the word on each.
func readWords(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if missing := errors.Is(err, fs.ErrNotExist); err != nil && (!missing || !*update) {
		t.Fatal(err)
	}
	words := map[string]string{}
	line := ""
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		if word, ok := strings.CutPrefix(l, "\t"); ok {
			words[line] = word
			continue
		}
		line = l
	}
	return words
}
