package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// noon is the moment that the tests take place.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

// certificates is the resource that most tests speak of.
var certificates = watch.ResourceRef{
	Group: "cert-manager.io", Version: "v1", Resource: "certificates", Kind: "Certificate",
}

// modified returns an update of web/name by kubectl-edit.
func modified(name string, rv int) watch.Event {
	uid := types.UID("uid-" + name)
	return watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: fmt.Sprintf("%s/%d", uid, rv),
		Time: noon, Type: watch.Modified, Origin: watch.Live, Resource: certificates,
		Namespace: "web", Name: name, UID: uid, ResourceVersion: fmt.Sprint(rv),
		Generation: 5, OldGeneration: 4, Managers: []string{"kubectl-edit"},
		Changes: []diff.Change{{
			Path: ".spec.renewBefore", Op: diff.Replace, Old: "360h", New: "720h",
			Manager: "kubectl-edit", Operation: "Update", Section: "spec",
		}},
	}
}

// gap returns a GAP of certificates.
func gap() watch.Event {
	return watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: "gap/4711-5822", Time: noon,
		Type: watch.Gap, Origin: watch.Reconciled, Resource: certificates,
		Gap: &watch.GapInfo{
			From: "4711", To: "5822", MissedGenerations: 3,
			Since: noon.Add(-20 * time.Minute), Until: noon.Add(-2 * time.Second),
		},
	}
}

// fill records n updates of different objects.
func fill(l *Ledger, n int) {
	for i := range n {
		l.Record(modified(fmt.Sprintf("tls-%d", i), 1000+i))
	}
}

func seqs(events []*watch.Event) []uint64 {
	out := []uint64{}
	for _, ev := range events {
		out = append(out, ev.Seq)
	}
	return out
}

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got); go test -update rewrites it:\n%s", path, d)
	}
}
