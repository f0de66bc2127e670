package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// tripping has one finding for each object, whatever it is.
func tripping(id string) Rule {
	return Rule{ID: id, Name: "always", Severity: High, About: AboutObject, Remediation: "none",
		Check: func(*Input) ([]Finding, error) { return []Finding{{Path: ".spec", Message: "wrong"}}, nil }}
}

var meta = Rule{ID: "META001", Name: "expired-ignore", Severity: Medium, About: AboutExemption, Remediation: "renew"}

func widgets(t *testing.T) *CRD {
	t.Helper()
	crd, err := ParseCRD(map[string]any{
		"metadata": map[string]any{"name": "widgets.example.com"},
		"spec": map[string]any{"group": "example.com", "names": map[string]any{"plural": "widgets", "kind": "Widget"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return crd
}

func widget(annotations map[string]any) *Object {
	return NewObject(map[string]any{"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"namespace": "web", "name": "a", "annotations": annotations}}, 100)
}

func config(t *testing.T, text string) *Config {
	t.Helper()
	c, err := ReadConfig(strings.NewReader(text), "crdwatch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// audited is what a report says of one widget at a time.
func audited(t *testing.T, cfg *Config, opts ExemptionOptions, annotations map[string]any, at time.Time) *Report {
	t.Helper()
	e := Evaluator{Rules: []Rule{tripping("CR001"), tripping("CR002"), meta}}
	opts.Rules = e.Rules
	x, err := NewExemptions(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	e.Exempter = x
	c := Collector{Now: at}
	c.Add(e.Evaluate(AboutObject, &Input{Now: now, CRD: widgets(t), Object: widget(annotations)}))
	c.Add(x.Expired(e.Rules))
	return c.Report()
}

func TestExemptions(t *testing.T) {
	later := now.AddDate(1, 0, 0)
	tests := map[string]struct {
		config      string
		opts        ExemptionOptions
		annotations map[string]any
		at          time.Time
		suppressed  int
		found       string
	}{
		"nothing is exempt": {at: now, found: "CR001 CR002"},
		"an annotation": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known"},
			at: later, suppressed: 1, found: "CR002"},
		"an annotation on its last day": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known; until=2026-11-25"},
			at: now, suppressed: 1, found: "CR002"},
		"an annotation that is over": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known; until=2026-11-24"},
			at: now, found: "CR001 CR002 META001"},
		"an annotation that will be over": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known; until=2026-12-01"},
			at: now, suppressed: 1, found: "CR002"},
		"the same when it is over": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known; until=2026-12-01"},
			at: later, found: "CR001 CR002 META001"},
		"an annotation without a reason": {annotations: map[string]any{"ignore.crdwatch.io/CR001": ""},
			at: now, found: "CR001 CR002 META001"},
		"an annotation with a bad date": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known; until=soon"},
			at: now, found: "CR001 CR002 META001"},
		"an annotation for no rule": {annotations: map[string]any{"ignore.crdwatch.io/CR01": "known"},
			at: now, found: "CR001 CR002 META001"},
		"annotations are refused": {annotations: map[string]any{"ignore.crdwatch.io/CR001": "known", "ignore.crdwatch.io/CR002": ""},
			opts: ExemptionOptions{NoAnnotations: true}, at: now, found: "CR001 CR002"},
		"an annotation cannot exempt META001": {
			annotations: map[string]any{"ignore.crdwatch.io/CR001": "", "ignore.crdwatch.io/META001": "quiet"},
			at:          now, found: "CR001 CR002 META001"},
		"the configuration": {config: "ignore: [{rule: CR001, reason: known}]", at: later, suppressed: 1, found: "CR002"},
		"the configuration with refused annotations": {config: "ignore: [{rule: CR001, reason: known}]",
			opts: ExemptionOptions{NoAnnotations: true}, at: now, suppressed: 1, found: "CR002"},
		"the configuration can exempt META001": {config: "ignore: [{rule: META001, reason: known}]",
			annotations: map[string]any{"ignore.crdwatch.io/CR001": ""}, at: now, suppressed: 1, found: "CR001 CR002"},
		"an entry that is over": {config: "ignore: [{rule: CR001, reason: known, expires: 2026-11-24}]",
			at: now, found: "CR001 CR002 META001"},
		"entries that are over are told apart": {config: "ignore: [{rule: CR001, reason: known, expires: 2026-11-24}, {rule: CR002, reason: known, expires: 2026-11-24}]",
			at: now, found: "CR001 CR002" + strings.Repeat(" META001", 2)},
		"an entry that will be over": {config: "ignore: [{rule: CR001, reason: known, expires: 2026-11-25}]",
			at: now, suppressed: 1, found: "CR002"},
		"of two entries the longer counts": {config: "ignore: [{rule: CR001, reason: known, expires: 2026-11-24}, {rule: CR*1, reason: known}]",
			at: now, suppressed: 1, found: "CR002 META001"},
		"in whatever order they stand": {config: "ignore: [{rule: CR*1, reason: known}, {rule: CR001, reason: known, expires: 2026-11-24}]",
			at: now, suppressed: 1, found: "CR002 META001"},
		"of entry and annotation the longer counts": {config: "ignore: [{rule: CR001, reason: known, expires: 2027-01-01}]",
			annotations: map[string]any{"ignore.crdwatch.io/CR001": "known; until=2026-12-01"},
			at:          time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), suppressed: 1, found: "CR002 META001"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := audited(t, config(t, tc.config), tc.opts, tc.annotations, tc.at)
			var found []string
			for _, f := range r.Findings {
				found = append(found, f.Rule)
			}
			if got := strings.Join(found, " "); got != tc.found || r.Suppressed != tc.suppressed {
				t.Errorf("found %s, suppressed %d; want %s, %d", got, r.Suppressed, tc.found, tc.suppressed)
			}
		})
	}
}

func TestWhatAnEntryMatches(t *testing.T) {
	object := Finding{Rule: "CR004", Subject: Subject{Group: "example.com", Resource: "widgets", Namespace: "web", Name: "a"}}
	crd := Finding{Rule: "CRD004", Subject: Subject{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: "widgets.example.com"}}
	node := Finding{Rule: "CR004", Subject: Subject{Group: "example.com", Resource: "nodes", Name: "a"}}
	tests := map[string]struct {
		entry             string
		object, crd, node bool
	}{
		"a rule":                 {"rule: CR004", true, false, true},
		"rules":                  {"rule: CR*", true, true, true},
		"a group":                {"group: example.com", true, true, true},
		"another group":          {"group: other.com", false, false, false},
		"groups":                 {"group: '*.com'", true, true, true},
		"a plural":               {"resource: widgets", true, true, false},
		"plural.group":           {"resource: widgets.example.com", true, true, false},
		"CRDs as such":           {"resource: customresourcedefinitions", false, true, false},
		"a namespace":            {"namespace: web", true, false, false},
		"any namespace, or none": {"namespace: '*'", true, true, true},
		"a namespace's pattern":  {"namespace: 'w?b'", true, false, false},
		"a name":                 {"name: a", true, false, true},
		"all must match":         {"rule: CR004, name: b", false, false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := config(t, "ignore: [{reason: known, "+tc.entry+"}]").Ignore[0]
			got := []bool{g.matches(&object), g.matches(&crd), g.matches(&node)}
			if d := cmp.Diff([]bool{tc.object, tc.crd, tc.node}, got); d != "" {
				t.Errorf("object, CRD, node (-want +got):\n%s", d)
			}
		})
	}
}

// TestWhatIsSaidOfExemptions: the wording is what people act on.
func TestWhatIsSaidOfExemptions(t *testing.T) {
	r := audited(t, config(t, "ignore: [{rule: CR001, namespace: ci-*, reason: 'see \"wiki\"', expires: 2026-11-01}]"),
		ExemptionOptions{}, map[string]any{
			"ignore.crdwatch.io/CR001": "known; until=2026-11-24",
			"ignore.crdwatch.io/CR002": "until=2027-01-01",
			"ignore.crdwatch.io/CR01":  "known",
		}, now)
	var said []string
	for _, f := range r.Findings {
		if f.Rule == "META001" {
			said = append(said, f.Subject.ResourceName()+" "+f.Subject.Object()+" "+f.Path+"\n"+f.Message+"\n"+f.Remediation)
		}
	}
	want := []string{
		" " + " .ignore[rule=CR001, namespace=ci-*]\n" +
			`the entry of the configuration that ignores rule=CR001, namespace=ci-* exempts nothing any more: its last day was 2026-11-01; its reason was "see \"wiki\""` +
			"\nSet a new date in the configuration, or remove the entry.",
		"widgets.example.com web/a .metadata.annotations.ignore.crdwatch.io/CR001\n" +
			`the annotation ignore.crdwatch.io/CR001 exempts nothing any more: its last day was 2026-11-24; its reason was "known"` + "\nrenew",
		"widgets.example.com web/a .metadata.annotations.ignore.crdwatch.io/CR002\n" +
			`the annotation ignore.crdwatch.io/CR002 exempts nothing: it gives no reason; it should be "reason; until=2027-03-01"` +
			"\nGive the annotation a reason and a date that is understood, or remove it.",
		"widgets.example.com web/a .metadata.annotations.ignore.crdwatch.io/CR01\n" +
			`the annotation ignore.crdwatch.io/CR01 exempts nothing: there is no rule "CR01"` +
			"\nCorrect the rule in the annotation's key (crdwatch audit --list-rules), or remove the annotation.",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestAnUnknownRuleInTheConfiguration(t *testing.T) {
	cfg := config(t, "ignore:\n- rule: CR001\n  reason: known\n- rule: CR01\n  reason: known\n")
	_, err := NewExemptions(cfg, ExemptionOptions{Rules: []Rule{tripping("CR001")}})
	want := `crdwatch.yaml:4: ignore[1].rule: no rule is called "CR01"; crdwatch audit --list-rules shows what there is`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFindingsWithoutATimeSayNone(t *testing.T) {
	text, err := json.Marshal(Finding{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "since") {
		t.Errorf("a finding that began at no known time says since: %s", text)
	}
}

func TestFindingsKnowTheKindOfTheirSubject(t *testing.T) {
	e := Evaluator{Rules: []Rule{tripping("CR001"), {ID: "CRD001", About: AboutCRD, Check: tripping("").Check}}}
	in := Input{CRD: widgets(t), Object: widget(nil)}
	for about, want := range map[About]string{AboutObject: "example.com/v1 Widget", AboutCRD: "apiextensions.k8s.io/v1 CustomResourceDefinition"} {
		f := e.Evaluate(about, &in).Findings[0]
		if got := f.APIVersion + " " + f.Kind; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
