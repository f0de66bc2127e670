package main

import (
	"bytes"
	"compress/flate"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// morning is when the first event takes place. The n-th is n hours later.
var morning = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

var (
	certificates = watch.ResourceRef{Group: "cert-manager.io", Version: "v1", Resource: "certificates", Kind: "Certificate"}
	certs        = watch.ResourceRef{Group: "example.com", Version: "v1", Resource: "certs", Kind: "Cert"}
	removed      = watch.ResourceRef{Group: "example.com", Version: "v1", Resource: "widgets", Kind: "Widget"}
)

// scenario is a small history: two objects of one name in two namespaces, a GAP, a
// type of the same short name, and one whose CRD was deleted.
func scenario() []watch.Event {
	events := []watch.Event{
		change(certificates, "web", "tls", "kubectl-edit", diff.Change{Path: ".spec.renewBefore", Op: diff.Replace, Old: "360h", New: "720h", Section: "spec"}),
		change(certificates, "db", "tls", "helm", diff.Change{Path: ".spec.serial", Op: diff.Add, New: int64(9007199254740993), Section: "spec"}),
		change(certificates, "web", "other", "helm", diff.Change{Path: ".spec.paused", Op: diff.Add, New: true, Section: "spec"}),
		change(certificates, "web", "tls", "controller", diff.Change{Path: ".status.ready", Op: diff.Replace, Old: false, New: true, Section: "status"}),
		{Type: watch.Gap, ID: "gap/1", Origin: watch.Reconciled, Resource: certificates, Gap: &watch.GapInfo{From: "1", To: "9"}},
		change(certs, "web", "tls", "helm", diff.Change{Path: ".spec.size", Op: diff.Replace, Old: int64(1), New: int64(2), Section: "spec"}),
		{Type: watch.Deleted, ID: "w/DELETED", UID: "w", Resource: removed, Name: "tls"},
		{Type: watch.Deleted, ID: "web-tls/DELETED", UID: "web-tls", Resource: certificates, Namespace: "web", Name: "tls"},
	}
	for i := range events {
		events[i].SchemaVersion, events[i].Seq = watch.SchemaVersion, uint64(i+1)
		events[i].Time = morning.Add(time.Duration(i) * time.Hour)
		if events[i].Origin == "" {
			events[i].Origin = watch.Live
		}
	}
	return events
}

func change(ref watch.ResourceRef, namespace, name, manager string, c diff.Change) watch.Event {
	c.Manager, c.Operation = manager, "Update"
	uid := types.UID(namespace + "-" + name)
	return watch.Event{
		Type: watch.Modified, ID: string(uid) + c.Path, UID: uid, Resource: ref, Namespace: namespace, Name: name,
		Managers: []string{manager}, Changes: []diff.Change{c},
	}
}

// history makes a data directory with events and the CRDs of two types.
func history(t *testing.T, events []watch.Event) string {
	t.Helper()
	dir := t.TempDir()
	crds := discovery.CRDs()
	b := store.Batch{Events: events, Checkpoints: []watch.Checkpoint{{
		Resource: crds.UID, CRD: crds.CRD, Position: "9",
		Ref: watch.ResourceRef{Group: crds.GVR.Group, Version: "v1", Resource: crds.GVR.Resource, Kind: crds.Kind},
	}}}
	b.Checkpoints = append(b.Checkpoints, watch.Checkpoint{
		Resource: "uid-certificates", CRD: certificates.Name(), Ref: certificates, Position: "9",
	})
	for _, ref := range []watch.ResourceRef{certificates, certs} {
		b.States = append(b.States, store.State{Resource: crds.UID, Object: savedCRD(t, ref)})
	}
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// savedCRD has the short name cert for every type.
func savedCRD(t *testing.T, ref watch.ResourceRef) watch.SavedObject {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"name": ref.Name(), "uid": "uid-" + ref.Name()},
		"spec": map[string]any{
			"group": ref.Group, "scope": "Namespaced",
			"names":    map[string]any{"plural": ref.Resource, "kind": ref.Kind, "shortNames": []any{"crt"}},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	w, err := flate.NewWriter(&body, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return watch.SavedObject{Name: ref.Name(), UID: types.UID("uid-" + ref.Name()), ResourceVersion: "5", Body: body.Bytes()}
}

// damage does to the database in dir what nobody should.
func damage(t *testing.T, dir, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "history", "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// result is what a run of the program leaves.
type result struct {
	code        int
	out, errors string
}

func program(t *testing.T, args ...string) result {
	t.Helper()
	// Whatever needs a cluster fails.
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// shown are the numbers of the events in JSON lines.
func shown(t *testing.T, out string) string {
	t.Helper()
	var seqs []string
	for line := range strings.Lines(out) {
		var ev watch.Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seqs = append(seqs, fmt.Sprint(ev.Seq))
	}
	return strings.Join(seqs, " ")
}
