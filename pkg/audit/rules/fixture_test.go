package rules

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

var update = flag.Bool("update", false, "write the expectations of the fixtures")

// fixture is a situation in testdata/RULE/CASE.yaml. What the rule says of it stands
// in CASE.want. A case is called trips-… if it must have findings that hold, guard-…
// if none may hold, unknown-… if the rule must say that it cannot tell.
type fixture struct {
	Now time.Time `json:"now"`
	// CRD is a merge patch (RFC 7386) on testdata/crd.yaml; Earlier one on the same,
	// and absent if no earlier revision is known.
	CRD, Earlier json.RawMessage
	// Objects are whole objects; kind and apiVersion may be left out.
	Objects []map[string]any
	// Copies is how often the census counts each object; 0: once.
	Copies int
	// Unread: the census is not known.
	Unread  bool
	Failure *audit.Failure
	Updates []audit.Update
	Peers   []audit.Peer
	Growth  []audit.Growth
	// Found is how many of the objects another rule finds something in.
	Found   map[string]int
	Answers []struct {
		audit.Question
		// Outcome is found, absent, notserved or unknown.
		Outcome    string
		Namespaced bool
		Objects    []map[string]any
		Message    string
		Since      time.Time
		Forbidden  bool
	}
	Offline bool
	// Server is the version of the API server.
	Server string
}

func TestFixtures(t *testing.T) {
	for _, r := range All() {
		cases, err := filepath.Glob(filepath.Join("testdata", r.ID, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]bool{}
		for _, path := range cases {
			name := strings.TrimSuffix(filepath.Base(path), ".yaml")
			kind, _, _ := strings.Cut(name, "-")
			kinds[kind] = true
			t.Run(r.ID+"/"+name, func(t *testing.T) { tryFixture(t, r, path, kind) })
		}
		if r.About != audit.AboutExemption && (!kinds["trips"] || !kinds["guard"]) {
			t.Errorf("%s: wants at least one fixture trips-… and one guard-…, has %v", r.ID, kinds)
		}
	}
}

func readFixture(t *testing.T, path string) *fixture {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{}
	if err := yaml.UnmarshalStrict(raw, f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

func tryFixture(t *testing.T, r audit.Rule, path, kind string) {
	f := readFixture(t, path)
	now := f.now()
	holding, lines, unknown := 0, "", false
	for _, in := range f.inputs(t, r.About) {
		e := audit.Evaluator{Rules: []audit.Rule{r}}
		for _, q := range e.Questions(r.About, in) {
			if _, ok := in.Answers[q]; !ok {
				t.Errorf("%s asks %+v, and the fixture does not answer", r.ID, q)
			}
		}
		v := e.Evaluate(r.About, in)
		for _, u := range v.Unevaluated {
			unknown = true
			lines += fmt.Sprintf("not evaluated: %s: %s\n", u.Reason, u.Message)
			if u.Reason == audit.RuleFailed {
				t.Errorf("the rule failed: %s", u.Message)
			}
		}
		holding += len(audit.Holding(v.Findings, now))
		for _, finding := range v.Findings {
			lines += describe(finding, now)
		}
	}
	switch {
	case kind == "trips" && holding == 0:
		t.Errorf("nothing is found")
	case kind == "guard" && (holding > 0 || unknown):
		t.Errorf("the guard does not hold:\n%s", lines)
	case kind == "unknown" && !unknown:
		t.Errorf("the rule does not say that it cannot tell:\n%s", lines)
	case !slices.Contains([]string{"trips", "guard", "unknown"}, kind):
		t.Errorf("a fixture is called trips-…, guard-… or unknown-…")
	}
	compareGolden(t, strings.TrimSuffix(path, ".yaml")+".want", lines)
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update, then read what it says)", err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func describe(f audit.Finding, now time.Time) string {
	when := "holds"
	if !f.HoldsAt(now) {
		when = fmt.Sprintf("due %s, until %s", stamp(f.Due), stamp(f.Until))
	}
	return fmt.Sprintf("%s %s %s %s: %s\n\tsince %s; %s\n\tsummary: %s\n\tremediation: %s\n",
		f.Rule, f.Severity, f.Subject.ResourceName()+"/"+f.Subject.Object(), f.Path, f.Message, stamp(f.Since), when, f.Summary, f.Remediation)
}

func (f *fixture) now() time.Time {
	if f.Now.IsZero() {
		return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	}
	return f.Now
}

// inputs are what the rule is called with: once for the CRD, or once for each object.
func (f *fixture) inputs(t *testing.T, about audit.About) []*audit.Input {
	t.Helper()
	crd := patched(t, f.CRD)
	common := audit.Input{Now: f.now(), CRD: crd, Failure: f.Failure, Updates: f.Updates, Peers: f.Peers, Offline: f.Offline, Server: f.Server,
		Answers: map[audit.Question]audit.Answer{}}
	if len(f.Earlier) > 0 {
		common.Earlier = patched(t, f.Earlier)
	}
	for _, a := range f.Answers {
		outcome := slices.Index([]string{"unknown", "found", "absent", "notserved"}, a.Outcome)
		if outcome < 0 {
			t.Fatalf("unknown outcome %q", a.Outcome)
		}
		common.Answers[a.Question] = audit.Answer{Outcome: audit.Outcome(outcome), Objects: integers(t, a.Objects), Message: a.Message, Namespaced: a.Namespaced, Since: a.Since, Forbidden: a.Forbidden}
	}
	census := audit.NewCensus()
	var inputs []*audit.Input
	for _, content := range integers(t, f.Objects) {
		o := object(t, crd, content)
		for range max(1, f.Copies) {
			census.Add(o)
		}
		in := common
		in.Object = o
		inputs = append(inputs, &in)
	}
	if about == audit.AboutObject {
		return inputs
	}
	for rule, n := range f.Found {
		census.Note(rule, "default/sample", n)
	}
	census.Growth = f.Growth
	if !f.Unread {
		common.Census = census
	}
	return []*audit.Input{&common}
}

func object(t *testing.T, crd *audit.CRD, content map[string]any) *audit.Object {
	t.Helper()
	if _, ok := content["kind"]; !ok {
		content["apiVersion"] = crd.Spec.Group + "/" + crd.Storage().Name
		content["kind"] = crd.Spec.Names.Kind
	}
	size, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	annotations := audit.AnnotationBytes(content)
	redaction := diff.Deduced()
	if s := crd.Storage().Schema; s != nil {
		raw, err := json.Marshal(s.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		redaction, _ = diff.NewSchema(raw)
	}
	redaction.Redact(content)
	o := audit.NewObject(content, len(size))
	o.AnnotationBytes = annotations
	return o
}

func patched(t *testing.T, patch json.RawMessage) *audit.CRD {
	t.Helper()
	base, err := os.ReadFile("testdata/crd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.YAMLToJSON(base)
	if err != nil {
		t.Fatal(err)
	}
	if len(patch) > 0 {
		if text, err = jsonpatch.MergePatch(text, patch); err != nil {
			t.Fatal(err)
		}
	}
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	crd, err := audit.ParseCRD(integers(t, []map[string]any{content})[0])
	if err != nil {
		t.Fatal(err)
	}
	return crd
}
