package rules

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestEveryThresholdCounts: with another amount the rule finds something else in one of
// its fixtures at least, and no text states the default then.
func TestEveryThresholdCounts(t *testing.T) {
	for _, r := range All() {
		situations := situationsOf(t, r)
		for _, threshold := range r.Thresholds {
			spec := threshold.Spec()
			t.Run(r.ID+"/"+spec.Name, func(t *testing.T) {
				stated := statement(threshold)
				counts := false
				for _, amount := range others(threshold) {
					adjusted := adjust(t, r, spec.Name, amount)
					for _, s := range situations {
						found := s.holding(adjusted)
						counts = counts || found != s.holding(r)
						if text := stated.FindString(s.texts(adjusted)); text != "" {
							t.Errorf("with %s: %s in %s a text says %q still", spec.Name, amount, s.name, text)
						}
					}
				}
				if !counts {
					t.Errorf("no fixture of %s depends on it: tried %s", r.ID, strings.Join(others(threshold), ", "))
				}
			})
		}
	}
}

// TestThresholdsAreWhole: they are shown to people who have nothing else.
func TestThresholdsAreWhole(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][A-Za-z]*$`)
	types := map[string]string{}
	for _, r := range All() {
		own := map[string]bool{}
		for _, threshold := range r.Thresholds {
			spec := threshold.Spec()
			if !name.MatchString(spec.Name) || own[spec.Name] || spec.Doc == "" || strings.HasSuffix(spec.Doc, ".") {
				t.Errorf("%s: the threshold %+v lacks something, has a bad name, or is there twice", r.ID, spec)
			}
			own[spec.Name] = true
			kind := fmt.Sprintf("%T", threshold)
			if known := types[spec.Name]; known != "" && known != kind {
				t.Errorf("%s: the threshold %s is a %s, and of another rule a %s", r.ID, spec.Name, kind, known)
			}
			types[spec.Name] = kind
			adjust(t, r, spec.Name, spec.Default)
			if !strings.Contains(r.Page(), "\n    "+spec.Name+": "+spec.Default+" ") {
				t.Errorf("%s: the page does not show %s: %s", r.ID, spec.Name, spec.Default)
			}
		}
		for _, line := range strings.Split(r.Page(), "\n") {
			if strings.Contains(line, "  # ") && len(line) > 110 {
				t.Errorf("%s: too long for a line: %s", r.ID, line)
			}
		}
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "a second", 121 * time.Second: "2 minutes 1 second",
		90 * time.Second: "1 minute 30 seconds", time.Minute: "a minute", 15 * time.Minute: "15 minutes",
		time.Hour: "an hour", 25 * time.Hour: "1 day 1 hour", 24 * time.Hour: "a day", 7 * 24 * time.Hour: "7 days", 1500 * time.Millisecond: "1.5 seconds",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// situation is a fixture with what a rule is called with. Rules change nothing of that.
type situation struct {
	name   string
	now    time.Time
	about  audit.About
	inputs []*audit.Input
}

func situationsOf(t *testing.T, r audit.Rule) []situation {
	t.Helper()
	if len(r.Thresholds) == 0 {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join("testdata", r.ID, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []situation
	for _, path := range paths {
		f := readFixture(t, path)
		all = append(all, situation{filepath.Base(path), f.now(), r.About, f.inputs(t, r.About)})
	}
	return all
}

// holding is what a rule finds that holds, and what it cannot tell.
func (s *situation) holding(r audit.Rule) string {
	var b strings.Builder
	for _, in := range s.inputs {
		v := (&audit.Evaluator{Rules: []audit.Rule{r}}).Evaluate(s.about, in)
		for _, f := range audit.Holding(v.Findings, s.now) {
			fmt.Fprintln(&b, f.Severity, f.Path)
		}
		for _, u := range v.Unevaluated {
			fmt.Fprintln(&b, u.Message)
		}
	}
	return b.String()
}

// texts are the summaries, which have no facts of one object.
func (s *situation) texts(r audit.Rule) string {
	var b strings.Builder
	for _, in := range s.inputs {
		v := (&audit.Evaluator{Rules: []audit.Rule{r}}).Evaluate(s.about, in)
		for _, f := range v.Findings {
			fmt.Fprintln(&b, f.Summary)
		}
	}
	return b.String()
}

// adjust sets a threshold as users do.
func adjust(t *testing.T, r audit.Rule, name, amount string) audit.Rule {
	t.Helper()
	config, err := audit.ReadConfig(strings.NewReader(fmt.Sprintf("rules: {%s: {%s: %s}}", r.ID, name, amount)), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	applied, err := config.Apply([]audit.Rule{r})
	if err != nil {
		t.Fatal(err)
	}
	return applied[0]
}

// others are amounts below and above the default, as far as the bounds allow them.
func others(threshold audit.Adjustable) []string {
	switch t := threshold.(type) {
	case audit.Threshold[time.Duration]:
		return around(t, func(d time.Duration) string { return d.String() })
	case audit.Threshold[audit.Bytes]:
		return around(t, func(n audit.Bytes) string { return fmt.Sprint(int64(n)) })
	case audit.Threshold[audit.Percent]:
		return around(t, func(n audit.Percent) string { return fmt.Sprintf("%d%%", n) })
	case audit.Threshold[int]:
		return around(t, func(n int) string { return fmt.Sprint(n) })
	case audit.Threshold[float64]:
		return around(t, func(n float64) string { return fmt.Sprint(n) })
	}
	return nil
}

func around[T audit.Amount](t audit.Threshold[T], write func(T) string) []string {
	var amounts []string
	for _, amount := range []T{t.Min, t.Default / 20, t.Default / 2, t.Default * 2, t.Default * 20, t.Max} {
		if amount >= t.Min && (t.Max == 0 || amount <= t.Max) && amount != t.Default && !slices.Contains(amounts, write(amount)) {
			amounts = append(amounts, write(amount))
		}
	}
	return amounts
}

// statement matches how a summary states the default.
func statement(threshold audit.Adjustable) *regexp.Regexp {
	text := threshold.Spec().Default
	switch t := threshold.(type) {
	case audit.Threshold[time.Duration]:
		text = lasting(t.Default)
	case audit.Threshold[audit.Bytes]:
		text = bytesText(t.Default)
	case audit.Threshold[audit.Percent]:
		text = fmt.Sprintf("%d %%", t.Default)
	}
	return regexp.MustCompile(`(^|[^\w.])` + regexp.QuoteMeta(text) + `($|[^\w.])`)
}
