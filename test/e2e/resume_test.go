package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// keeper keeps every entry, each by itself, and counts the events.
type keeper struct {
	*engine
	store *store.SQLite
	seq   uint64
	life  life
	dead  bool
}

// life is how a process remembers, and how it ends. The zero life is an ordinary one.
type life struct {
	// remembers changes what is read of an earlier life.
	remembers func(watch.Snapshots) watch.Snapshots
	// dies reports whether the process is killed before it keeps an entry. It goes on,
	// but nobody will know.
	dies func(watch.Entry) bool
}

// remembering starts a Manager that keeps what it learns in a directory, and goes on
// where the last one there ended. Its events are those of this life alone.
func remembering(t *testing.T, cfg *rest.Config, dir string, opts watch.Options) *engine {
	t.Helper()
	return live(t, cfg, dir, opts, life{})
}

// live is remembering in a particular way.
func live(t *testing.T, cfg *rest.Config, dir string, opts watch.Options, l life) *engine {
	t.Helper()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts.Snapshots = s
	if l.remembers != nil {
		opts.Snapshots = l.remembers(s)
	}
	e := launchWith(t, cfg, opts, func(e *engine) watch.Sink {
		last, err := s.LastSeq(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return &keeper{engine: e, store: s, seq: last, life: l}
	})
	stop := e.stop
	e.stop = func() {
		stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		e.stop = func() {}
	}
	t.Cleanup(func() { e.stop() })
	e.awaitReady()
	return e
}

// Record implements watch.Sink.
func (k *keeper) Record(e watch.Entry) {
	k.engine.Record(e)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead = k.dead || k.life.dies != nil && k.life.dies(e); k.dead {
		return
	}
	b := store.Batch{Checkpoints: []watch.Checkpoint{e.Checkpoint}}
	for _, ev := range e.Events {
		k.seq++
		ev.Seq = k.seq
		b.Events = append(b.Events, ev)
	}
	if e.Object != nil {
		b.States = []store.State{{Resource: e.Checkpoint.Resource, Object: e.Object.Saved(), Deleted: e.Deleted}}
	}
	if e.Forgotten {
		b.Forgotten = []types.UID{e.Checkpoint.Resource}
	}
	// The test's context ends before its cleanups, which may have something to record still.
	if err := k.store.Commit(context.WithoutCancel(k.t.Context()), b); err != nil {
		k.t.Errorf("committing: %v", err)
	}
}

// checkpointOf returns how far a CRD's resource is known in a directory.
func checkpointOf(t *testing.T, dir, crd string) (found watch.Checkpoint, ok bool) {
	t.Helper()
	r, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	checkpoints, err := r.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checkpoints {
		if c.CRD == crd {
			return c, true
		}
	}
	return found, false
}

// TestResume: what happens between two lives is reported revision by revision, and
// nothing is listed again.
func TestResume(t *testing.T) {
	const group = "resume.example.com"
	crds := scribe.Install(t, shared, group, 4)
	p := newProxy(t, shared)
	dir := t.TempDir()
	opts := watch.Options{Resolve: only(group), Timing: quiet}
	e := remembering(t, p.Config(), dir, opts)
	ledger := write(t, shared, crds, 200)
	compareWithLedger(t, e, group, ledger, watch.Live)
	e.stop()
	for range 2 {
		before := p.Stats()
		between := write(t, shared, crds, 200)
		e = remembering(t, p.Config(), dir, opts)
		compareWithLedger(t, e, group, between, watch.Resumed)
		noGaps(t, e, "")
		e.stop()
		received := int64(0)
		for path, n := range p.Stats().Bytes {
			received += n - before.Bytes[path]
		}
		for key, n := range p.Stats().Requests {
			// An API server without WatchList was asked for lists by the first life.
			if lists := n - before.Requests[key]; lists > 0 && key.Verb == "list" && strings.Contains(key.Path, group) {
				t.Errorf("%d lists of %s", lists, key.Path)
			}
		}
		t.Logf("%d bytes received for 200 missed revisions", received)
	}
}

// TestResumeAfterExpiry: where the API server has forgotten, the net changes are told,
// and one gap.
func TestResumeAfterExpiry(t *testing.T) {
	const group = "away.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	crds := scribe.Install(t, cp, group, 2)
	o := newObjects(t, cp, crds[0])
	for _, name := range []string{"changed", "deleted", "replaced", "untouched", "reverted"} {
		o.create(name, 1)
	}
	dir := t.TempDir()
	opts := watch.Options{Resolve: only(group), Timing: quiet}
	remembering(t, cp.Config(), dir, opts).stop()
	o.resize("changed", 2, 3, 4)
	o.resize("reverted", 2, 1)
	o.remove("deleted")
	o.remove("replaced")
	o.create("replaced", 7)
	o.create("created", 8)
	if err := cp.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := remembering(t, cp.Config(), dir, opts)
	events := e.await("three gaps", func(events []watch.Event) bool { return len(gapsOf(events)) == 3 })
	want := map[trouble]int{
		{watch.Modified, watch.Reconciled, "changed", int64(4), 0}: 1,
		{watch.Deleted, watch.Reconciled, "deleted", nil, 0}:       1,
		{watch.Deleted, watch.Reconciled, "replaced", nil, 0}:      1,
		{watch.Added, watch.Reconciled, "replaced", nil, 0}:        1,
		{watch.Added, watch.Reconciled, "created", nil, 0}:         1,
	}
	if d := gocmp.Diff(want, troubles(of(events, group))); d != "" {
		t.Errorf("reported (-want +got):\n%s\n%s", d, describe(events))
	}
	for resource, n := range gapsOf(events) {
		if n != 1 {
			t.Errorf("%d gaps of %s", n, resource)
		}
	}
	e.stop()
	// What is known now needs no second telling.
	e = remembering(t, cp.Config(), dir, opts)
	o.resize("changed", 5)
	events = e.await("a change", func(events []watch.Event) bool { return len(events) > 0 })
	if len(events) != 1 || events[0].Name != "changed" {
		t.Errorf("reported:\n%s", describe(events))
	}
}

// gapsOf counts the gaps of each resource.
func gapsOf(events []watch.Event) map[string]int {
	n := map[string]int{}
	for _, ev := range events {
		if ev.Type == watch.Gap {
			n[ev.Resource.Name()]++
		}
	}
	return n
}

// TestCRDsChangeWhileAway: a CRD that was deleted, one that was deleted and created
// again, and one that is new, each with objects.
func TestCRDsChangeWhileAway(t *testing.T) {
	const group = "absent.example.com"
	crds := scribe.Install(t, shared, group, 3)
	deleted, replaced := crds[0], crds[1]
	newObjects(t, shared, deleted).create("gone", 1)
	newObjects(t, shared, replaced).create("old", 1)
	dir := t.TempDir()
	opts := watch.Options{Resolve: only(group), Timing: quiet}
	remembering(t, shared.Config(), dir, opts).stop()

	was, _ := checkpointOf(t, dir, replaced.Name())
	deleteCRD(t, deleted.Name())
	deleteCRD(t, replaced.Name())
	for _, c := range []scribe.CRD{deleted, replaced} {
		patience.Until(t, c.Name()+" is gone", func() (bool, string) {
			_, err := crdClient(t).Get(t.Context(), c.Name(), metav1.GetOptions{})
			return err != nil, fmt.Sprint(err)
		})
	}
	added := scribe.CRD{Group: group, Plural: "latecomers"}
	for _, c := range []scribe.CRD{replaced, added} {
		if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
			t.Fatal(err)
		}
		newObjects(t, shared, c).create("new", 1)
	}
	e := remembering(t, shared.Config(), dir, opts)
	events := e.await("four objects' changes", func(events []watch.Event) bool { return len(of(events, group)) >= 4 })
	got := map[string]int{}
	for _, ev := range of(events, group) {
		got[fmt.Sprint(ev.Type, " ", ev.Resource.Name(), "/", ev.Name)]++
	}
	want := map[string]int{
		"DELETED " + deleted.Name() + "/gone": 1, "DELETED " + replaced.Name() + "/old": 1,
		"ADDED " + replaced.Name() + "/new": 1, "ADDED " + added.Name() + "/new": 1,
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("reported (-want +got):\n%s\n%s", d, describe(events))
	}
	patience.Until(t, "the deleted CRD is forgotten", func() (bool, string) {
		_, ok := checkpointOf(t, dir, deleted.Name())
		return !ok, "known"
	})
	if now, ok := checkpointOf(t, dir, replaced.Name()); !ok || now.Resource == was.Resource {
		t.Errorf("the checkpoint is %+v", now)
	}
}

// TestDrift: changes that the API server's watch has not told are found, told as
// reconciled, and counted.
func TestDrift(t *testing.T) {
	const group = "drift.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	o.create("kept", 1)
	p := newProxy(t, shared)
	timing := quiet
	timing.DriftEvery = 200 * time.Millisecond
	seen := &drifts{}
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: timing, Observer: seen})
	lost := p.Always(controlplane.Swallow("lost"), controlplane.Watches(c.Name()))
	p.Now(controlplane.End(), controlplane.Watches(c.Name()))
	patience.Until(t, "the watch is a lossy one", func() (bool, string) { return lost.Hits() > 0, "" })
	o.create("lost", 2)
	o.create("told", 3)
	events := e.await("both objects", func(events []watch.Event) bool { return len(of(events, group)) >= 2 })
	origins := map[string]watch.Origin{}
	for _, ev := range of(events, group) {
		origins[ev.Name] = ev.Origin
	}
	if origins["lost"] != watch.Reconciled || origins["told"] == watch.Reconciled || len(origins) != 2 {
		t.Errorf("reported:\n%s", describe(events))
	}
	patience.Until(t, "the drift is counted", func() (bool, string) { return seen.n.Load() == 1, fmt.Sprint(seen.n.Load()) })
	noGaps(t, e, "")
}

// TestNoDrift: comparisons while objects are written find nothing, and disturb nothing.
func TestNoDrift(t *testing.T) {
	const group = "nodrift.example.com"
	crds := scribe.Install(t, shared, group, 3)
	timing := quiet
	timing.DriftEvery = 50 * time.Millisecond
	p := newProxy(t, shared)
	seen := &drifts{}
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: timing, Observer: seen})
	compareWithLedger(t, e, group, write(t, shared, crds, 1000), watch.Live)
	if n := p.Stats().Count("list"); n == 0 {
		t.Error("nothing was counted")
	}
	if n := seen.n.Load(); n != 0 {
		t.Errorf("%d objects drifted", n)
	}
}

// drifts counts the objects that drifted. It implements watch.Observer.
type drifts struct{ n atomic.Int64 }

func (d *drifts) WatchRestarted(discovery.Resource, string) {}
func (d *drifts) EventDelay(time.Duration)                  {}
func (d *drifts) Drift(_ discovery.Resource, objects int)   { d.n.Add(int64(objects)) }
