package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

var (
	randomWrites = flag.Int("writes", 10_000, "number of random writes")
	seed         = flag.Uint64("seed", 1, "seed of the random writes")
)

const writers = 8

// TestEventsEqualTheWritersLedger: what is reported is what was written, one to one
// and in order per object, with the right type, paths, values and managers.
func TestEventsEqualTheWritersLedger(t *testing.T) {
	const group = "random.example.com"
	crds := install(t, group, 20)
	e := start(t, shared.Config(), watch.Options{Resolve: only(group)})
	ledger := write(t, crds, *randomWrites)
	compareWithLedger(t, e, group, ledger)
}

// install creates CRDs of a group, every fourth of them cluster-scoped.
func install(t testing.TB, group string, n int) []crd {
	t.Helper()
	var crds []crd
	var manifests []string
	for i := range n {
		c := crd{group: group, plural: fmt.Sprintf("kind%ds", i), cluster: i%4 == 3}
		crds = append(crds, c)
		manifests = append(manifests, string(c.manifest()))
	}
	if err := shared.Apply(t.Context(), []byte(strings.Join(manifests, "\n---\n"))); err != nil {
		t.Fatal(err)
	}
	return crds
}

// write makes random writes from several writers and returns their common ledger.
func write(t testing.TB, crds []crd, n int) map[types.UID][]entry {
	t.Helper()
	cfg := shared.Config()
	cfg.QPS = -1
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	all := make([]*writer, writers)
	for i := range all {
		all[i] = newWriter(t, client, crds, fmt.Sprintf("w%d", i), *seed+uint64(i))
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
func compareWithLedger(t *testing.T, e *engine, group string, ledger map[types.UID][]entry) {
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
		compareObject(t, entries, got[uid])
		delete(got, uid)
	}
	for uid, events := range got {
		t.Errorf("events of an object %s that nobody wrote:\n%s", uid, describe(events))
	}
	t.Logf("%d writes to %d objects", n, len(ledger))
}

func compareObject(t *testing.T, want []entry, events []watch.Event) {
	t.Helper()
	var got []entry
	for i, ev := range events {
		got = append(got, entry{
			id: ev.ID, typ: ev.Type, name: ev.Name, generation: ev.Generation,
			changes: values(ev.Changes), manager: attributed(t, want, i, ev),
		})
		if ev.Origin != watch.Live {
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
