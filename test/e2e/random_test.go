package e2e

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/scribe"
)

var (
	randomWrites = flag.Int("writes", 10_000, "number of random writes")
	seed         = flag.Uint64("seed", 1, "seed of the random writes")
)

// TestEventsEqualTheWritersLedger: what is reported is what was written, one to one
// and in order per object, with the right type, paths, values and managers.
func TestEventsEqualTheWritersLedger(t *testing.T) {
	const group = "random.example.com"
	crds := scribe.Install(t, shared, group, 20)
	e := start(t, shared.Config(), watch.Options{Resolve: only(group)})
	ledger := write(t, shared, crds, *randomWrites)
	compareWithLedger(t, e, group, ledger, watch.Live)
}

// write makes random writes from several writers and returns their common ledger.
func write(t testing.TB, cp *controlplane.ControlPlane, crds []scribe.CRD, n int) scribe.Ledger {
	t.Helper()
	team := scribe.NewTeam(t, cp, crds, *seed)
	team.Write(n)
	return team.Ledger()
}

// compareWithLedger waits for as many events as were written, and compares them.
func compareWithLedger(t *testing.T, e *engine, group string, ledger scribe.Ledger, origins ...watch.Origin) {
	t.Helper()
	n := ledger.Len()
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
func compareWritten(t *testing.T, e *engine, ledger scribe.Ledger) {
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

func compareObject(t *testing.T, want []scribe.Entry, events []watch.Event, origins []watch.Origin) {
	t.Helper()
	var got []scribe.Entry
	for i, ev := range events {
		got = append(got, scribe.Entry{
			ID: ev.ID, Type: ev.Type, Resource: ev.Resource.Name(), Name: ev.Name, Generation: ev.Generation,
			Changes: scribe.Values(ev.Changes), Manager: attributed(t, want, i, ev),
		})
		if !slices.Contains(origins, ev.Origin) {
			t.Errorf("%s has origin %s", ev.ID, ev.Origin)
		}
	}
	for i := range want {
		want[i].Changes = scribe.Values(want[i].Changes)
	}
	// The ID has the revision.
	if d := gocmp.Diff(want, got, cmpopts.IgnoreFields(scribe.Entry{}, "Revision")); d != "" && t.Failed() == false {
		t.Errorf("events differ from the writes (-written +reported):\n%s", d)
	}
}

// attributed checks the managers of an event and returns the one of the write.
func attributed(t *testing.T, want []scribe.Entry, i int, ev watch.Event) string {
	t.Helper()
	if i >= len(want) {
		return strings.Join(ev.Managers, ",")
	}
	manager, wrong := want[i].Attributed(ev)
	for _, w := range wrong {
		t.Error(w)
	}
	return manager
}
