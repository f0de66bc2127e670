package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// budget is a memory budget of which the test says how many percent are in use.
type budget struct{ used atomic.Int64 }

func (b *budget) options(group string) watch.Options {
	t := quiet
	t.MemoryEvery, t.ReturnAfter = 20*time.Millisecond, 100*time.Millisecond
	return watch.Options{
		Resolve: only(group), Timing: t, MemoryBudget: 1 << 30,
		MemoryUsed: func(int64) int64 { return b.used.Load() << 30 / 100 },
	}
}

// fill creates objects that it is worth to reduce.
func (o *objects) fill(n int) {
	o.t.Helper()
	o.fillWith(n, 600)
}

// fillWith creates objects of which a Record takes four bytes for each word.
func (o *objects) fillWith(n, words int) {
	o.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var text strings.Builder
		for range words {
			fmt.Fprintf(&text, "%08x", random.Uint32())
		}
		obj := &unstructured.Unstructured{Object: scribe.Object{
			"apiVersion": o.crd.Group + "/v1", "kind": o.crd.Kind(),
			"metadata": scribe.Object{"name": fmt.Sprint("large-", i), "labels": scribe.Object{"team": "a"}},
			"spec":     scribe.Object{"size": int64(1), "free": scribe.Object{"text": text.String()}},
		}}
		if _, err := o.client.Create(o.t.Context(), obj, metav1.CreateOptions{FieldManager: scribe.Creator}); err != nil {
			o.t.Fatal(err)
		}
	}
}

// awaitShape waits until all objects of a CRD are kept as their metadata, or whole.
func (e *engine) awaitShape(crd string, thin bool) {
	e.t.Helper()
	patience.Until(e.t, fmt.Sprintf("%s is of metadata alone: %v", crd, thin), func() (bool, string) {
		s, ok := e.status(crd)
		if !ok || s.MetadataOnly != thin || s.State != watch.Synced || thin != (s.Reason == watch.MetadataOnly) {
			return false, fmt.Sprint(s.State, " ", s.Reason, " ", s.MetadataOnly)
		}
		records, _ := e.Records(s.Resource.UID)
		n := 0
		for _, r := range records.List {
			if r.MetadataOnly() == thin {
				n++
			}
		}
		return n == len(records.List) && n > 0, fmt.Sprintf("%d of %d", n, len(records.List))
	})
}

// generations checks that the events tell each generation that was written, and each
// deletion, once, and nothing that was not written.
func generations(t *testing.T, events []watch.Event, ledger scribe.Ledger) (reduced int) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	written := map[string]bool{}
	for _, entries := range ledger {
		generation := int64(0)
		for _, w := range entries {
			written[w.ID] = true
			if w.Type == watch.Deleted || w.Generation != generation {
				want[w.ID]++
			}
			generation = w.Generation
		}
	}
	for _, ev := range events {
		if ev.MetadataOnly {
			reduced++
		}
		if _, mine := ledger[ev.UID]; !mine {
			t.Errorf("reported:\n%s", describe([]watch.Event{ev}))
			continue
		}
		if !written[ev.ID] {
			t.Errorf("nobody wrote:\n%s", describe([]watch.Event{ev}))
		}
		if ev.Type != watch.Modified || ev.Generation != ev.OldGeneration {
			got[ev.ID]++
		}
		for _, c := range ev.Changes {
			if ev.MetadataOnly && c.Section != "metadata" {
				t.Errorf("%s of %s", c.Path, ev.ID)
			}
		}
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("generations (-written +reported):\n%s", d)
	}
	return reduced
}

// patchers is how many goroutines change large objects at the same time.
const patchers = 4

// writing has a Writer change objects of its own, and others the large ones, until it is
// stopped.
func writing(t *testing.T, cp *controlplane.ControlPlane, o *objects, large int) (stop func() scribe.Ledger) {
	t.Helper()
	client, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	w := scribe.NewWriter(t, client, []scribe.CRD{o.crd}, "written", *seed)
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	writers.Go(func() {
		for ctx.Err() == nil {
			w.Step(t.Context())
		}
	})
	ledgers := make([]scribe.Ledger, patchers)
	for i := range ledgers {
		ledgers[i] = scribe.Ledger{}
		writers.Go(func() {
			for n := i; ctx.Err() == nil; n += patchers {
				o.patchSize(fmt.Sprint("large-", n%large), n+10, ledgers[i])
			}
		})
	}
	return func() scribe.Ledger {
		cancel()
		writers.Wait()
		all := w.Ledger()
		for _, l := range ledgers {
			maps.Copy(all, l)
		}
		return all
	}
}

// patchSize changes the spec of an object, and notes it.
func (o *objects) patchSize(name string, size int, ledger scribe.Ledger) {
	body := fmt.Appendf(nil, `{"spec":{"size":%d}}`, size)
	got, err := o.client.Patch(o.t.Context(), name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: scribe.Patcher})
	if err != nil {
		o.t.Errorf("patching %s: %v", name, err)
		return
	}
	ledger[got.GetUID()] = append(ledger[got.GetUID()], scribe.Entry{
		ID: string(got.GetUID()) + "/" + got.GetResourceVersion(), Type: watch.Modified, Generation: got.GetGeneration(),
	})
}

// reported waits for the last write of a ledger, which is made for that.
func (e *engine) reported(o *objects, group string) []watch.Event {
	e.t.Helper()
	o.create("last", 1)
	events := of(e.await("the last object", seen(watch.Added, "last")), group)
	return slices.DeleteFunc(slices.Clone(events), func(ev watch.Event) bool { return ev.Name == "last" })
}

// degraded starts an engine on a resource of large objects that goes over to metadata.
func degraded(t *testing.T, cp *controlplane.ControlPlane, config *rest.Config, group string) (*objects, *budget, *engine) {
	t.Helper()
	o := newObjects(t, cp, scribe.Install(t, cp, group, 1)[0])
	o.fill(100)
	b := &budget{}
	e := start(t, config, b.options(group))
	b.used.Store(90)
	e.awaitShape(o.crd.Name(), true)
	return o, b, e
}

// TestDegrade: a resource goes over to metadata, and back, several times while it is
// written to; each generation and deletion is told once, and nothing else.
func TestDegrade(t *testing.T) {
	p := newProxy(t, shared)
	lists := 0
	degrade(t, p, "degrade.example.com",
		func() { lists = p.Stats().Count("list") },
		func() {
			if n := p.Stats().Count("list") - lists; n > 0 {
				t.Errorf("%d lists to keep less", n)
			}
		})
}

// TestDegradeUnderFaults: the same while watches break off all the time.
func TestDegradeUnderFaults(t *testing.T) {
	p := newProxy(t, shared)
	ctx, cancel := context.WithCancel(t.Context())
	var faults sync.WaitGroup
	defer faults.Wait()
	defer cancel()
	n := 0
	begin := sync.OnceFunc(func() {
		faults.Go(func() {
			n = repeat(ctx, 40*time.Millisecond, func() { p.Now(controlplane.Truncate(), controlplane.Verb("watch")) })
		})
	})
	degrade(t, p, "faultydegrade.example.com", begin, func() {})
	cancel()
	faults.Wait()
	t.Logf("the watches broke off %d times", n)
}

// degrade goes over twice, each time between two calls.
func degrade(t *testing.T, p *controlplane.Proxy, group string, reducing, reduced func()) {
	t.Helper()
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	const large = 80 // a multiple of patchers: each has its own
	o.fill(large)
	b := &budget{}
	e := start(t, p.Config(), b.options(group))
	stop := writing(t, shared, o, large)
	for range 2 {
		reducing()
		b.used.Store(90)
		e.awaitShape(c.Name(), true)
		reduced()
		before, _ := e.status(c.Name())
		if size := before.RecordBytes / int64(before.Objects); size > 400 {
			t.Errorf("an object of metadata takes %d bytes", size)
		}
		e.await("an event of metadata", func(events []watch.Event) bool {
			last := tail(events, 1)
			return len(last) > 0 && last[0].MetadataOnly
		})
		b.used.Store(10)
		e.awaitShape(c.Name(), false)
	}
	ledger := stop()
	n := generations(t, e.reported(o, group), ledger)
	t.Logf("%d writes, %d events of metadata alone", ledger.Len(), n)
	if n == 0 {
		t.Error("nothing was written while only metadata was kept")
	}
	noGaps(t, e, "")
	if depth, bytes := e.QueueStats(); depth != 0 || bytes != 0 {
		t.Errorf("%d changes, %d bytes wait", depth, bytes)
	}
}

// TestDegradedSize: after deletions the sum of what the Records take is only about right,
// and exact again when they have been exchanged.
func TestDegradedSize(t *testing.T) {
	const group = "thinsize.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	o.fill(100)
	b := &budget{}
	e := start(t, shared.Config(), b.options(group))
	for i := range 40 {
		o.remove(fmt.Sprint("large-", i))
	}
	e.await("the deletions", seen(watch.Deleted, "large-39"))
	size := func() (said, is int64) {
		s, _ := e.status(c.Name())
		records, _ := e.Records(s.Resource.UID)
		for _, r := range records.List {
			is += int64(r.Size())
		}
		return s.RecordBytes, is
	}
	if said, is := size(); said == is {
		t.Fatalf("the sum is exact already, so that nothing is shown")
	}
	b.used.Store(90)
	e.awaitShape(c.Name(), true)
	patience.Until(t, "the sum is exact", func() (bool, string) {
		said, is := size()
		return said == is, fmt.Sprintf("%d bytes of %d", said, is)
	})
}

// TestRefillAfterExpiry: where whole objects cannot be had at the watch's own position any
// more, they are listed as they are, and that nothing differs is no gap.
func TestRefillAfterExpiry(t *testing.T) {
	const group = "refill.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	o, b, e := degraded(t, cp, cp.Config(), group)
	if err := cp.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.used.Store(10)
	e.awaitShape(o.crd.Name(), false)
	o.resize("large-1", 2)
	events := e.await("a change", func(events []watch.Event) bool { return len(of(events, group)) > 0 })
	noGaps(t, e, discovery.CRDs().CRD)
	if all := of(events, group); len(all) != 1 || len(all[0].Changes) != 1 || all[0].MetadataOnly {
		t.Errorf("reported:\n%s", describe(events))
	}
}

// TestDegradedRelist: where the objects have to be listed page by page, for example at the
// oldest revision after a 410, it is their metadata that is listed.
func TestDegradedRelist(t *testing.T) {
	const group = "thinpages.example.com"
	p := newProxy(t, shared)
	o, _, e := degraded(t, shared, p.Config(), group)
	crd := o.crd.Name()
	o.resize("large-1", 2)
	e.await("a change", seen(watch.Modified, "large-1"))
	list, err := o.client.List(t.Context(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	resuming := func(r *http.Request) bool { return r.URL.Query().Get("sendInitialEvents") == "" }
	message := fmt.Sprintf("too old resource version: 1 (%s)", list.GetResourceVersion())
	refused := p.Next(1, controlplane.ErrorEvent(http.StatusGone, metav1.StatusReasonExpired, message), controlplane.AllOf(controlplane.Watches(crd), resuming))
	lists := p.Stats().Count("list")
	p.Now(controlplane.End(), controlplane.Watches(crd))
	patience.Until(t, "the objects are listed", func() (bool, string) {
		return refused.Hits() == 1 && p.Stats().Count("list") > lists, fmt.Sprint(refused.Hits())
	})
	o.resize("large-2", 2)
	o.remove("large-3")
	events := of(e.await("a deletion", seen(watch.Deleted, "large-3")), group)
	e.awaitShape(crd, true)
	var facts []string
	for _, ev := range events {
		facts = append(facts, fmt.Sprintf("%s %s %d→%d %v", ev.Type, ev.Name, ev.OldGeneration, ev.Generation, ev.MetadataOnly))
	}
	want := []string{"MODIFIED large-1 1→2 true", "MODIFIED large-2 1→2 true", "DELETED large-3 0→1 true"}
	if d := gocmp.Diff(want, facts); d != "" {
		t.Errorf("reported (-want +got):\n%s", d)
	}
}

// TestDegradedRestart: what was reduced stays so, and nothing is missed meanwhile; where
// nobody counts memory, whole objects come back by themselves.
func TestDegradedRestart(t *testing.T) {
	const group = "thinagain.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	o.fill(100)
	dir := t.TempDir()
	b := &budget{}
	e := remembering(t, shared.Config(), dir, b.options(group))
	b.used.Store(90)
	e.awaitShape(c.Name(), true)
	awaitSaved(t, dir, c.Name(), 100, 0)
	e.stop()

	o.resize("large-1", 2)
	o.remove("large-2")
	b.used.Store(60)
	e = remembering(t, shared.Config(), dir, b.options(group))
	e.awaitShape(c.Name(), true)
	if s, _ := e.status(c.Name()); !strings.Contains(s.Message, "an earlier process") {
		t.Errorf("says %s", s.Message)
	}
	o.resize("large-3", 2)
	events := e.await("three events", func(events []watch.Event) bool { return len(of(events, group)) >= 3 })
	e.stop()
	got := map[string]bool{}
	for _, ev := range events {
		got[fmt.Sprintln(ev.Type, ev.Origin, ev.Name, ev.OldGeneration, ev.Generation, ev.MetadataOnly, len(ev.Changes))] = true
	}
	want := map[string]bool{
		"MODIFIED resumed large-1 1 2 true 0\n": true, "DELETED resumed large-2 0 1 true 0\n": true,
		"MODIFIED live large-3 1 2 true 0\n": true,
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("reported (-want +got):\n%s", d)
	}

	e = remembering(t, shared.Config(), dir, watch.Options{Resolve: only(group), Timing: quiet})
	e.awaitShape(c.Name(), false)
	o.resize("large-4", 3)
	events = e.await("a change", func(events []watch.Event) bool { return len(events) > 0 })
	if len(events) != 1 || len(events[0].Changes) != 1 || events[0].MetadataOnly {
		t.Errorf("reported:\n%s", describe(events))
	}
	awaitSaved(t, dir, c.Name(), 0, 99)
	e.stop()
	if d := gocmp.Diff(o.there(), savedObjects(t, dir, c.Name())); d != "" {
		t.Errorf("saved (-there +saved):\n%s", d)
	}
}

// TestKilledWhileDegrading: of what was reduced in part the next process reduces the rest.
func TestKilledWhileDegrading(t *testing.T) {
	const group = "thinhalf.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	newObjects(t, shared, c).fill(100)
	dir := t.TempDir()
	b := &budget{}
	kept := 0
	e := live(t, shared.Config(), dir, b.options(group), life{dies: func(e watch.Entry) bool {
		if e.Object != nil && e.Object.MetadataOnly() {
			kept++
		}
		return kept > 50
	}})
	b.used.Store(90)
	e.awaitShape(c.Name(), true)
	awaitSaved(t, dir, c.Name(), 50, 50)
	e.stop()
	b.used.Store(60)
	e = remembering(t, shared.Config(), dir, b.options(group))
	e.awaitShape(c.Name(), true)
	if events, _ := e.snapshot(); len(events) > 0 {
		t.Errorf("reported:\n%s", describe(events))
	}
	awaitSaved(t, dir, c.Name(), 100, 0)
}

// awaitSaved waits until a directory has so many objects of a CRD. The informer is ahead
// of what is kept.
func awaitSaved(t *testing.T, dir, crd string, thin, whole int) {
	t.Helper()
	patience.Until(t, fmt.Sprintf("%d of metadata alone and %d whole are saved", thin, whole), func() (bool, string) {
		n := savedForms(t, dir, crd)
		return n[true] == thin && n[false] == whole, fmt.Sprint(n)
	})
}

// savedForms counts what a directory has of a CRD, by whether it is metadata alone.
func savedForms(t *testing.T, dir, crd string) map[bool]int {
	t.Helper()
	n := map[bool]int{}
	eachSaved(t, dir, crd, func(o watch.SavedObject) { n[watch.Restore(o).MetadataOnly()]++ })
	return n
}

// TestDegradeDuringFirstList: a list that would take too much is begun again, for less.
func TestDegradeDuringFirstList(t *testing.T) {
	const group = "thinfirst.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	o.fill(200)
	p := newProxy(t, shared)
	wholes := func(r *http.Request) bool { return !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata") }
	// The list of whole objects does not come to its end.
	slow := p.Always(controlplane.Rewrite(func(event []byte) []byte {
		if bytes.Contains(event, []byte(metav1.InitialEventsAnnotationKey)) {
			return nil
		}
		return event
	}), controlplane.AllOf(controlplane.Watches(c.Name()), wholes))
	b := &budget{}
	e := launch(t, p.Config(), b.options(group))
	patience.Until(t, "the list hangs", func() (bool, string) { return slow.Hits() > 0, "" })
	b.used.Store(90)
	e.awaitShape(c.Name(), true)
	o.resize("large-1", 2)
	events := e.await("a change", func(events []watch.Event) bool { return len(events) > 0 })
	if len(events) != 1 || events[0].Name != "large-1" || !events[0].MetadataOnly {
		t.Errorf("reported:\n%s", describe(events))
	}
}

// TestMetadataEvents: what of an object's metadata changes is told field by field, a
// change of the spec by its generation, and one of the status not at all.
func TestMetadataEvents(t *testing.T) {
	const group = "thinevents.example.com"
	o, _, e := degraded(t, shared, shared.Config(), group)
	patch := func(body string, subresource ...string) {
		t.Helper()
		_, err := o.client.Patch(t.Context(), "large-0", types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: scribe.Patcher}, subresource...)
		if err != nil {
			t.Fatal(err)
		}
	}
	patch(`{"status":{"phase":"Ready"}}`, "status")
	patch(`{"metadata":{"labels":{"team":"b"}}}`)
	patch(`{"spec":{"size":7}}`)
	patch(`{"metadata":{"finalizers":["example.com/wait"]},"spec":{"size":8}}`)
	events := e.await("three events", func(events []watch.Event) bool { return len(events) >= 3 })
	got := describe(events)
	var facts []string
	for _, ev := range events {
		fact := fmt.Sprintf("%s %d→%d %v", ev.Type, ev.OldGeneration, ev.Generation, ev.MetadataOnly)
		for _, ch := range ev.Changes {
			fact += fmt.Sprintf(" %s %s %v→%v", ch.Op, ch.Path, ch.Old, ch.New)
		}
		facts = append(facts, fact)
	}
	want := []string{
		`MODIFIED 1→1 true replace .metadata.labels.team a→b`,
		`MODIFIED 1→2 true`,
		`MODIFIED 2→3 true add .metadata.finalizers["example.com/wait"] <nil>→example.com/wait`,
	}
	if d := gocmp.Diff(want, facts); d != "" {
		t.Errorf("reported (-want +got):\n%s\n%s", d, got)
	}
	patch(`{"metadata":{"finalizers":null}}`)
}
