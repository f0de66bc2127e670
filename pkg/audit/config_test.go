package audit

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReadConfig(t *testing.T) {
	f, err := os.Open("testdata/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := ReadConfig(f, "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		File: "config.yaml",
		Ignore: []Ignore{
			{Rule: "CR004", Group: "*.example.com", Resource: "buckets", Namespace: "ci-*", Name: "tmp-?", Reason: "deleted nightly", Expires: "2027-03-01"},
			{Namespace: "42", Reason: "a number is a text, too"},
		},
		Severity: map[string]Severity{"CR015": Low},
		Settings: []Setting{{Rule: "CR004", Threshold: "after", Amount: "30m"}, {Rule: "*", Threshold: "grace", Amount: "20m"}},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{}, Ignore{}, Setting{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestAnEmptyConfigIsNone(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "ignore:\nseverity:\nrules:\n", "{}"} {
		if c := config(t, text); len(c.Ignore) > 0 || len(c.Severity) > 0 || len(c.Settings) > 0 {
			t.Errorf("%q: %+v", text, c)
		}
	}
}

// TestMistakesInAConfig: file, line, field, and the way out.
func TestMistakesInAConfig(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"an unknown field":       {"ignroe: []", "c.yaml:1: ignroe: there is no such field; want one of: ignore, rules, severity"},
		"thresholds of no rule":  {"rules: [CR004]", "c.yaml:1: rules: want fields with values"},
		"a threshold of no name": {"rules:\n  CR004: 30m\n", "c.yaml:2: rules.CR004: want fields with values"},
		"a list for an amount":   {"rules:\n  CR004:\n    after: [30m]\n", "c.yaml:3: rules.CR004.after: want a text"},
		"a rule twice":           {"rules:\n  CR004: {after: 1h}\n  CR004: {after: 2h}\n", "c.yaml:3: rules.CR004: this field is there twice"},
		"one in an entry":        {"ignore:\n- rule: CR004\n  nmespace: x\n", "c.yaml:3: ignore[0].nmespace: there is no such field; want one of: expires, group, name, namespace, reason, resource, rule"},
		"a field twice":          {"ignore:\n- rule: CR004\n  rule: CR005\n", "c.yaml:3: ignore[0].rule: this field is there twice"},
		"no list":                {"ignore:\n  rule: CR004\n", "c.yaml:2: ignore: want a list of entries"},
		"no entry":               {"ignore:\n- CR004\n", "c.yaml:2: ignore[0]: want fields with values"},
		"no fields":              {"- ignore\n", "c.yaml:1: want fields with values"},
		"no reason":              {"ignore:\n- rule: CR001\n  reason: x\n- rule: CR004\n", "c.yaml:4: ignore[1].reason: an entry must say why it is there"},
		"a blank reason":         {"ignore:\n- rule: CR001\n  reason: ' '\n", "c.yaml:2: ignore[0].reason: an entry must say why it is there"},
		"everything":             {"ignore:\n- reason: x\n", "c.yaml:2: ignore[0]: this ignores everything; name a rule, group, resource, namespace or name (--skip-rules leaves rules out)"},
		"a bad date":             {"ignore:\n- rule: CR001\n  reason: x\n  expires: soon\n", `c.yaml:4: ignore[0].expires: "soon" is no date like 2027-03-01`},
		"a bad glob":             {"ignore:\n- rule: '[CR'\n  reason: x\n", `c.yaml:2: ignore[0].rule: "[CR" is no valid glob; a literal [ or \ is written \[ or \\`},
		"a value that is none":   {"ignore:\n- rule:\n  reason: x\n", "c.yaml:2: ignore[0].rule: want a text"},
		"a list for a text":      {"ignore:\n- rule: [CR001]\n  reason: x\n", "c.yaml:2: ignore[0].rule: want a text"},
		"a bad severity":         {"severity:\n  CR001: bad\n", `c.yaml:2: severity.CR001: unknown severity "bad", want one of: info, low, medium, high, critical`},
		"no YAML":                {"ignore: [", "reading c.yaml: yaml: line 1: did not find expected node content"},
		"two documents":          {"ignore: []\n---\nignore: []\n", "reading c.yaml: it has more than one YAML document; put all into the first"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadConfig(strings.NewReader(tc.text), "c.yaml")
			if err == nil || err.Error() != tc.want {
				t.Errorf("\ngot  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestSeverities(t *testing.T) {
	graver := tripping("CR002")
	graver.Check = func(*Input) ([]Finding, error) { return []Finding{{Severity: Critical, Message: "worse"}}, nil }
	rules := []Rule{tripping("CR001"), graver, meta}
	applied, err := config(t, "severity: {CR002: info, META001: low}").Apply(rules)
	if err != nil {
		t.Fatal(err)
	}
	e := Evaluator{Rules: applied}
	findings := e.Evaluate(AboutObject, &Input{CRD: widgets(t), Object: widget(nil)}).Findings
	if len(findings) != 2 || findings[0].Severity != High || findings[1].Severity != Info || findings[1].Rule != "CR002" {
		t.Errorf("CR002 is not info: %+v", findings)
	}
	if applied[2].Severity != Low || rules[2].Severity != Medium || rules[1].Severity != High {
		t.Errorf("META001 is not low, or the rules given were changed")
	}
	_, err = config(t, "severity:\n  CR999: low\n").Apply(rules)
	if want := "crdwatch.yaml:2: severity.CR999: no rule has that ID; crdwatch audit --list-rules shows what there is"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
