package audit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func found(rule, name, path string, uid types.UID) *Finding {
	f := Finding{Path: path, Message: "wrong", Since: now}
	f.complete(&Rule{ID: rule, Severity: High}, Subject{Group: "example.com", Resource: "widgets", Namespace: "web", Name: name, UID: uid})
	return &f
}

func written(t *testing.T, findings ...*Finding) string {
	t.Helper()
	w := NewBaselineWriter()
	for _, f := range findings {
		w.Add(f)
	}
	var b bytes.Buffer
	n, err := w.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	return b.String()
}

func TestABaselineIsTheSameForTheSameFindings(t *testing.T) {
	a, b := found("CR004", "a", ".metadata.finalizers", "1"), found("CR004", "b", `.spec.x["<q>"]`, "2")
	c := found("CR001", "a", ".spec.items[3].y", "1")
	text := written(t, b, a, c, a)
	if text != written(t, c, a, b) {
		t.Error("the order in which findings come matters")
	}
	want, err := os.ReadFile("testdata/baseline.json")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestABaselineKnowsItsFindings(t *testing.T) {
	base, err := ReadBaseline(strings.NewReader(written(t, found("CR004", "a", ".spec.items[3].y", "1"))))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		f    *Finding
		want bool
	}{
		"the same":             {found("CR004", "a", ".spec.items[3].y", "1"), true},
		"created again":        {found("CR004", "a", ".spec.items[3].y", "2"), true},
		"at another position":  {found("CR004", "a", ".spec.items[0].y", "1"), true},
		"at another path":      {found("CR004", "a", ".spec.items[3].z", "1"), false},
		"of another object":    {found("CR004", "b", ".spec.items[3].y", "1"), false},
		"found by another one": {found("CR005", "a", ".spec.items[3].y", "1"), false},
	}
	for name, tc := range tests {
		if got := base.Known(tc.f); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestAnEmptyBaselineCanBeRead(t *testing.T) {
	text := written(t)
	if want := "{\n  \"schemaVersion\": \"v1\",\n  \"findings\": []\n}\n"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	base, err := ReadBaseline(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if base.Known(found("CR004", "a", "", "")) {
		t.Error("an empty baseline knows a finding")
	}
}

func TestWhatIsNoBaseline(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":         "",
		"another thing":   `{"kind":"List"}`,
		"an audit":        `{"schemaVersion":"v1","complete":true,"findings":[]}`,
		"a later version": `{"schemaVersion":"v2","findings":[]}`,
		"no fingerprint":  `{"schemaVersion":"v1","findings":[{"rule":"CR004"}]}`,
		"cut off":         `{"schemaVersion":"v1","findings":[`,
		"two in one":      `{"schemaVersion":"v1","findings":[]}{"schemaVersion":"v1","findings":[]}`,
	} {
		if _, err := ReadBaseline(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "--write-baseline") {
			t.Errorf("%s: got %v, want an error with the way out", name, err)
		}
	}
	if _, err := ReadBaseline(strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("of an empty file: %v", err)
	}
}

type fullDisk struct{ room int }

var errFull = errors.New("no space")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return d.room, errFull
	}
	d.room -= len(p)
	return len(p), nil
}

func TestABaselineThatCannotBeWritten(t *testing.T) {
	w := NewBaselineWriter()
	w.Add(found("CR004", "a", ".spec", "1"))
	n, err := w.WriteTo(&fullDisk{room: 10})
	if !errors.Is(err, errFull) || n != 10 {
		t.Errorf("wrote %d: %v", n, err)
	}
	var _ io.WriterTo = w
}

// TestABaselineLeavesOutWhatIsKnown goes the way of the command.
func TestABaselineLeavesOutWhatIsKnown(t *testing.T) {
	w := NewBaselineWriter()
	first := Collector{Now: now, Seen: w.Add}
	first.Add(Verdict{Findings: []Finding{*found("CR004", "a", ".spec", "1"), *found("CR004", "b", ".spec", "2")}})
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	base, err := ReadBaseline(&b)
	if err != nil {
		t.Fatal(err)
	}
	second := Collector{Now: now, Known: base.Known}
	second.Add(Verdict{Findings: []Finding{*found("CR004", "b", ".spec", "3"), *found("CR004", "c", ".spec", "4")}})
	r := second.Report()
	if len(r.Findings) != 1 || r.Findings[0].Subject.Name != "c" || r.Suppressed != 1 {
		t.Errorf("want c alone, and 1 suppressed: %+v", r)
	}
}

func TestGroupsOfOnePathHaveFingerprintsOfTheirOwn(t *testing.T) {
	c := Collector{Now: now}
	for i, name := range []string{"a", "b", "c", "d"} {
		f := found("CR004", name, ".spec", "")
		f.Summary = []string{"one", "other"}[i%2]
		c.Add(Verdict{Findings: []Finding{*f}})
	}
	got := c.Report().Findings
	if len(got) != 2 || got[0].Count != 2 || got[0].Fingerprint == got[1].Fingerprint {
		t.Errorf("want two groups that can be told apart: %+v", got)
	}
}
