package watch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/json"
)

func TestFindingIDs(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 5000, time.UTC)
	ids := map[string]bool{}
	for _, id := range []string{
		FindingID("f", FindingOpen, at), FindingID("f", FindingResolved, at),
		FindingID("f", FindingOpen, at.Add(time.Microsecond)), FindingID("g", FindingOpen, at),
	} {
		ids[id] = true
	}
	if len(ids) != 4 || !ids["f/OPEN/1795694400000005"] {
		t.Errorf("%v", ids)
	}
}

// TestFindingForm: the JSON form is a public contract.
func TestFindingForm(t *testing.T) {
	got, err := json.Marshal(FindingInfo{State: FindingOpen, Rule: "CR004", Severity: "high", Count: 1, Samples: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"state":"open","rule":"CR004","name":"","severity":"high",` +
		`"subject":{"group":"","resource":"","namespace":"","name":"","uid":""},` +
		`"path":"","message":"","remediation":"","count":1,"samples":[],"fingerprint":""}`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestLaterRevisions(t *testing.T) {
	record := func(rv string) *Record {
		obj := sample(t, "web", "tls", aUID, rv, 1)
		return newRecord(&codec{}, obj, marshal(obj), time.Now(), true)
	}
	for name, test := range map[string]struct {
		a, b string
		want bool
	}{
		"later":         {"10", "9", true},
		"equal":         {"9", "9", false},
		"earlier":       {"9", "10", false},
		"odd, equal":    {"x", "x", false},
		"odd, not told": {"x", "9", true},
	} {
		if got := record(test.a).After(record(test.b)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestContentHasTheSize(t *testing.T) {
	obj := sample(t, "web", "tls", aUID, "7", 1)
	text := marshal(obj)
	got, size, err := newRecord(&codec{}, obj, text, time.Now(), true).Content()
	if err != nil || size != len(text) || !cmp.Equal(obj, got) {
		t.Errorf("size %d, want %d; %v", size, len(text), err)
	}
}
