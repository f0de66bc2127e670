package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
)

var (
	randomWrites = flag.Int("writes", 10_000, "number of random writes")
	seed         = flag.Uint64("seed", 1, "seed of the random writes")
)

const writers = 8

// writerSets keeps the names of objects apart, over all calls of write.
var writerSets atomic.Int64

// TestEventsEqualTheWritersLedger: what is reported is what was written, one to one
// and in order per object, with the right type, paths, values and managers.
func TestEventsEqualTheWritersLedger(t *testing.T) {
	const group = "random.example.com"
	crds := install(t, shared, group, 20)
	e := start(t, shared.Config(), watch.Options{Resolve: only(group)})
	ledger := write(t, shared, crds, *randomWrites)
	compareWithLedger(t, e, group, ledger, watch.Live)
}

// install creates CRDs of a group, every fourth of them cluster-scoped.
func install(t testing.TB, cp *controlplane.ControlPlane, group string, n int) []crd {
	t.Helper()
	var crds []crd
	var manifests []string
	for i := range n {
		c := crd{group: group, plural: fmt.Sprintf("kind%ds", i), cluster: i%4 == 3}
		crds = append(crds, c)
		manifests = append(manifests, string(c.manifest()))
	}
	if err := cp.Apply(t.Context(), []byte(strings.Join(manifests, "\n---\n"))); err != nil {
		t.Fatal(err)
	}
	return crds
}

// write makes random writes from several writers and returns their common ledger.
func write(t testing.TB, cp *controlplane.ControlPlane, crds []crd, n int) map[types.UID][]entry {
	t.Helper()
	cfg := cp.Config()
	cfg.QPS = -1
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	all := make([]*writer, writers)
	for i := range all {
		all[i] = newWriter(t, client, crds, fmt.Sprintf("w%d-%d", i, writerSets.Add(1)), *seed+uint64(i))
		group.Go(func() {
			for all[i].writes() < n/writers && !t.Failed() {
				all[i].step(t.Context())
			}
		})
	}
	group.Wait()
	ledger := map[types.UID][]entry{}
	for _, w := range all {
		for uid, entries := range w.ledger {
			ledger[uid] = entries
		}
	}
	return ledger
}

// compareWithLedger waits for as many events as were written, and compares them.
func compareWithLedger(t *testing.T, e *engine, group string, ledger map[types.UID][]entry, origins ...watch.Origin) {
	t.Helper()
	n := 0
	for _, entries := range ledger {
		n += len(entries)
	}
	events := of(e.await(fmt.Sprintf("%d events", n), func(events []watch.Event) bool {
		return len(of(events, group)) >= n
	}), group)
	if len(events) != n {
		t.Errorf("%d events for %d writes", len(events), n)
	}
	got := map[types.UID][]watch.Event{}
	for _, ev := range events {
		got[ev.UID] = append(got[ev.UID], ev)
	}
	for uid, entries := range ledger {
		compareObject(t, entries, got[uid], origins)
		delete(got, uid)
	}
	for uid, events := range got {
		t.Errorf("events of an object %s that nobody wrote:\n%s", uid, describe(events))
	}
	t.Logf("%d writes to %d objects", n, len(ledger))
}

// compareWritten is compareWithLedger for the objects in the ledger alone: others
// write at the same time. Their revisions may have come live or resumed.
func compareWritten(t *testing.T, e *engine, ledger map[types.UID][]entry) {
	t.Helper()
	mine := func(events []watch.Event) map[types.UID][]watch.Event {
		got := map[types.UID][]watch.Event{}
		for _, ev := range events {
			if _, ok := ledger[ev.UID]; ok {
				got[ev.UID] = append(got[ev.UID], ev)
			}
		}
		return got
	}
	events := e.await("the last events", func(events []watch.Event) bool {
		got := mine(events)
		for uid, entries := range ledger {
			if len(got[uid]) < len(entries) {
				return false
			}
		}
		return true
	})
	for uid, events := range mine(events) {
		compareObject(t, ledger[uid], events, []watch.Origin{watch.Live, watch.Resumed})
	}
}

// noGaps fails for every GAP in the events of an engine, but for those of one CRD.
func noGaps(t *testing.T, e *engine, except string) {
	t.Helper()
	events, _ := e.snapshot()
	for _, ev := range events {
		if ev.Type == watch.Gap && ev.Resource.Name() != except {
			t.Errorf("a gap where nothing was lost: %s %+v", ev.Resource.Name(), *ev.Gap)
		}
	}
}

func compareObject(t *testing.T, want []entry, events []watch.Event, origins []watch.Origin) {
	t.Helper()
	var got []entry
	for i, ev := range events {
		got = append(got, entry{
			id: ev.ID, typ: ev.Type, name: ev.Name, generation: ev.Generation,
			changes: values(ev.Changes), manager: attributed(t, want, i, ev),
		})
		if !slices.Contains(origins, ev.Origin) {
			t.Errorf("%s has origin %s", ev.ID, ev.Origin)
		}
	}
	for i := range want {
		want[i].changes = values(want[i].changes)
	}
	if d := gocmp.Diff(want, got, gocmp.AllowUnexported(entry{})); d != "" && t.Failed() == false {
		t.Errorf("events differ from the writes (-written +reported):\n%s", d)
	}
}

// values leaves of changes what the writer knows without managedFields, in order.
func values(changes []diff.Change) []diff.Change {
	var out []diff.Change
	for _, c := range changes {
		out = append(out, diff.Change{Path: c.Path, Op: c.Op, Old: c.Old, New: c.New})
	}
	slices.SortFunc(out, func(a, b diff.Change) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// attributed checks the managers of an event and returns the one of the write. The
// removal of a field may have no manager: an Update that only removes leaves no
// trace of its author in managedFields. But it may never have another's.
func attributed(t *testing.T, want []entry, i int, ev watch.Event) string {
	t.Helper()
	if i >= len(want) || ev.Type == watch.Deleted {
		return strings.Join(ev.Managers, ",")
	}
	manager := want[i].manager
	for _, c := range ev.Changes {
		subresource := ""
		if manager == statusWriter {
			subresource = "status"
		}
		known := c.Manager == manager && c.Operation == "Update" && c.Subresource == subresource
		if !known && (c.Op != diff.Remove || c.Manager != "") {
			t.Errorf("%s %s of %s by %q (%s, %q), written by %q", c.Op, c.Path, ev.ID, c.Manager, c.Operation, c.Subresource, manager)
		}
	}
	if onlyRemovals(ev.Changes) && len(ev.Managers) == 0 {
		return manager
	}
	return strings.Join(ev.Managers, ",")
}

func onlyRemovals(changes []diff.Change) bool {
	return len(changes) > 0 && !slices.ContainsFunc(changes, func(c diff.Change) bool { return c.Op != diff.Remove })
}
