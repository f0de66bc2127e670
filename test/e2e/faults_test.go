package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// impatient are deadlines that a test can wait for.
var impatient = watch.Timing{
	StaleAfter: 5 * time.Second, CutAfter: 2 * time.Second, SyncDeadline: 5 * time.Second,
	RetryMin: 50 * time.Millisecond, RetryMax: 2 * time.Second, ForbiddenRetry: time.Second, AnswerWithin: 3 * time.Second,
}

// quiet are the same for resources on which nothing happens for a while: the API
// server sends a bookmark only once a minute.
var quiet = func() watch.Timing {
	t := impatient
	t.StaleAfter = 0
	return t
}()

func newProxy(t *testing.T, cp *controlplane.ControlPlane) *controlplane.Proxy {
	t.Helper()
	p, err := cp.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestFaultsLoseNothing: whatever happens to the watches while objects are written,
// every revision is reported once, as long as the API server still has it.
func TestFaultsLoseNothing(t *testing.T) {
	const group = "faults.example.com"
	crds := scribe.Install(t, shared, group, 4)
	watches := controlplane.Verb("watch")
	faults := map[string]func(p *controlplane.Proxy){
		"cut":       func(p *controlplane.Proxy) { p.Now(controlplane.Cut(), watches) },
		"truncated": func(p *controlplane.Proxy) { p.Now(controlplane.Truncate(), watches) },
		"ended":     func(p *controlplane.Proxy) { p.Now(controlplane.End(), watches) },
		"stalled":   func(p *controlplane.Proxy) { p.Now(controlplane.Stall(), watches) },
		"reset":     func(p *controlplane.Proxy) { p.CutConnections() },
		"429": func(p *controlplane.Proxy) {
			p.Next(12, controlplane.RespondStatus(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "slow down", time.Second), watches)
			p.Now(controlplane.Cut(), watches)
		},
		"500": func(p *controlplane.Proxy) {
			p.Next(12, controlplane.RespondStatus(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd is busy", 0), watches)
			p.Now(controlplane.Cut(), watches)
		},
		"500 in the stream": func(p *controlplane.Proxy) {
			p.Now(controlplane.ErrorEvent(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd is busy"), watches)
		},
		"half-open": func(p *controlplane.Proxy) { p.HalfOpen() },
		"refused": func(p *controlplane.Proxy) {
			p.Refuse()
			<-time.After(500 * time.Millisecond)
			if err := p.Restore(); err != nil {
				t.Error(err)
			}
		},
	}
	for name, inject := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, shared)
			e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: impatient})
			ctx, cancel := context.WithCancel(t.Context())
			injected := make(chan int)
			go func() { injected <- repeat(ctx, time.Second, func() { inject(p) }) }()
			ledger := write(t, shared, crds, 300)
			cancel()
			t.Logf("%d faults", <-injected)
			p.ClearAll()
			compareWritten(t, e, ledger)
			noGaps(t, e, "")
		})
	}
}

// repeat calls f at once and then at intervals until ctx ends, and returns how often.
func repeat(ctx context.Context, interval time.Duration, f func()) int {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 1; ; n++ {
		f()
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
		}
	}
}

// trouble is what must be told of a gap, but for times and resourceVersions.
type trouble struct {
	Type   watch.EventType
	Origin watch.Origin
	Name   string
	Size   any
	Missed int64
}

// TestGap: where the API server no longer has the history, the net changes are
// reported, and one GAP says that this is all that is known.
func TestGap(t *testing.T) {
	const group = "gap.example.com"
	c := scribe.Install(t, shared, group, 2)[0]
	p := newProxy(t, shared)
	o := newObjects(t, shared, c)
	for _, name := range []string{"changed", "deleted", "replaced", "untouched", "reverted"} {
		o.create(name, 1)
	}
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: impatient})

	watches := controlplane.Watches(c.Name())
	closed := p.Always(controlplane.RespondStatus(http.StatusInternalServerError, metav1.StatusReasonInternalError, "no", 0), watches)
	p.Now(controlplane.ErrorEvent(http.StatusGone, metav1.StatusReasonExpired, "too old resource version"), watches)
	patience.Until(t, "the list is refused", func() (bool, string) { return closed.Hits() > 0, "" })
	o.resize("changed", 2, 3, 4)
	o.resize("reverted", 2, 1)
	o.remove("deleted")
	o.remove("replaced")
	o.create("replaced", 7)
	o.create("created", 8)
	o.create("ephemeral", 9)
	o.remove("ephemeral")
	closed.Clear()

	events := e.await("a gap", func(events []watch.Event) bool {
		return len(events) > 0 && events[len(events)-1].Type == watch.Gap
	})
	want := map[trouble]int{
		{watch.Modified, watch.Reconciled, "changed", int64(4), 0}: 1,
		{watch.Deleted, watch.Reconciled, "deleted", nil, 0}:       1,
		{watch.Deleted, watch.Reconciled, "replaced", nil, 0}:      1,
		{watch.Added, watch.Reconciled, "replaced", nil, 0}:        1,
		{watch.Added, watch.Reconciled, "created", nil, 0}:         1,
		// Of changed's three generations one is shown, of reverted's two none.
		{watch.Gap, watch.Reconciled, "", nil, 4}: 1,
	}
	if d := gocmp.Diff(want, troubles(events)); d != "" {
		t.Errorf("reported (-want +got):\n%s\n%s", d, describe(events))
	}
	gap := events[len(events)-1].Gap
	if gap.From == gap.To || gap.From == "" || !gap.Until.After(gap.Since) {
		t.Errorf("the gap is %+v", *gap)
	}
	// The watch lives on.
	o.resize("changed", 5)
	e.await("a live event", func(events []watch.Event) bool {
		last := events[len(events)-1]
		return last.Name == "changed" && last.Origin == watch.Live
	})
}

func troubles(events []watch.Event) map[trouble]int {
	out := map[trouble]int{}
	for _, ev := range events {
		tr := trouble{Type: ev.Type, Origin: ev.Origin, Name: ev.Name}
		if ev.Gap != nil {
			tr.Missed = ev.Gap.MissedGenerations
		}
		for _, c := range ev.Changes {
			if c.Path == ".spec.size" {
				tr.Size = c.New
			}
		}
		out[tr]++
	}
	return out
}

// objects writes single objects of one CRD.
type objects struct {
	t      *testing.T
	crd    scribe.CRD
	client dynamic.ResourceInterface
}

func newObjects(t *testing.T, cp *controlplane.ControlPlane, c scribe.CRD) *objects {
	t.Helper()
	client, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	r := client.Resource(c.GVR())
	if c.Cluster {
		return &objects{t, c, r}
	}
	return &objects{t, c, r.Namespace("default")}
}

func (o *objects) create(name string, size int64) {
	o.t.Helper()
	obj := &unstructured.Unstructured{Object: scribe.Object{
		"apiVersion": o.crd.Group + "/" + o.crd.GVR().Version, "kind": o.crd.Kind(),
		"metadata": scribe.Object{"name": name}, "spec": scribe.Object{"size": size},
	}}
	if _, err := o.client.Create(o.t.Context(), obj, metav1.CreateOptions{FieldManager: scribe.Creator}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *objects) resize(name string, sizes ...int64) {
	o.t.Helper()
	for _, size := range sizes {
		o.edit(name, func(spec scribe.Object) { spec["size"] = size })
	}
}

// edit updates the spec of an object.
func (o *objects) edit(name string, change func(spec scribe.Object)) {
	o.t.Helper()
	obj, err := o.client.Get(o.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		o.t.Fatal(err)
	}
	change(obj.Object["spec"].(scribe.Object))
	if _, err := o.client.Update(o.t.Context(), obj, metav1.UpdateOptions{FieldManager: scribe.SpecWriter}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *objects) remove(name string) {
	o.t.Helper()
	if err := o.client.Delete(o.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		o.t.Fatal(err)
	}
}

// TestAPIServerRestart: a new API server does not know the old positions of the
// watches, and answers 410 to most. Still nothing that it was seen to write is lost.
func TestAPIServerRestart(t *testing.T) {
	const group = "restart.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	crds := scribe.Install(t, cp, group, 4)
	p := newProxy(t, cp)
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: impatient})
	ledger := write(t, cp, crds, 200)
	for range 2 {
		if err := cp.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		patience.Until(t, "the watches are back", func() (bool, string) {
			n := p.Running(controlplane.Verb("watch"))
			return n == len(crds)+1, fmt.Sprint(n)
		})
		for uid, entries := range write(t, cp, crds, 200) {
			ledger[uid] = entries
		}
	}
	compareWithLedger(t, e, group, ledger, watch.Live, watch.Resumed)
	if err := e.Ready(); err != nil {
		t.Errorf("no longer ready: %v", err)
	}
	for _, s := range e.Statuses() {
		e.awaitState(s.Resource.CRD, watch.Synced)
	}
}

// TestRestartKeepsHistory: what is written after an API server came back, and before
// the watch did, is reported revision by revision, although the watch gets a 410.
func TestRestartKeepsHistory(t *testing.T) {
	const group = "history.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	c := scribe.Install(t, cp, group, 1)[0]
	o := newObjects(t, cp, c)
	o.create("a", 1)
	p := newProxy(t, cp)
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	p.Refuse()
	if err := cp.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The first list makes the API server's history begin.
	if _, err := o.client.List(t.Context(), metav1.ListOptions{ResourceVersion: "0"}); err != nil {
		t.Fatal(err)
	}
	o.resize("a", 2, 3, 4)
	if err := p.Restore(); err != nil {
		t.Fatal(err)
	}
	events := e.await("three revisions", func(events []watch.Event) bool { return len(of(events, group)) >= 3 })
	want := map[trouble]int{}
	for _, size := range []int64{2, 3, 4} {
		want[trouble{watch.Modified, watch.Resumed, "a", size, 0}] = 1
	}
	if d := gocmp.Diff(want, troubles(of(events, group))); d != "" {
		t.Errorf("reported (-want +got):\n%s", d)
	}
}

// TestAPIServerGoneAtStart: whoever starts before the API server waits for it.
func TestAPIServerGoneAtStart(t *testing.T) {
	const group = "late.example.com"
	crds := scribe.Install(t, shared, group, 2)
	p := newProxy(t, shared)
	p.Refuse()
	e := launch(t, p.Config(), watch.Options{Resolve: only(group), Timing: impatient})
	patience.Until(t, "the CRDs cannot be listed", func() (bool, string) {
		s := e.CRDs()
		return s.Reason == "Unreachable", string(s.State) + " " + s.Reason
	})
	if e.Ready() == nil {
		t.Error("ready without having seen an API server")
	}
	if err := p.Restore(); err != nil {
		t.Fatal(err)
	}
	e.awaitReady()
	compareWithLedger(t, e, group, write(t, shared, crds, 100), watch.Live)
}

// TestRealExpiry: an outage that the API server's history does not cover.
func TestRealExpiry(t *testing.T) {
	const group = "expiry.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	crds := scribe.Install(t, cp, group, 3)
	p := newProxy(t, cp)
	o := newObjects(t, cp, crds[0])
	o.create("changed", 1)
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: impatient})
	p.Refuse()
	o.resize("changed", 2, 3)
	if err := cp.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Restore(); err != nil {
		t.Fatal(err)
	}
	gaps := func(events []watch.Event) map[string]int {
		n := map[string]int{}
		for _, ev := range events {
			if ev.Type == watch.Gap {
				n[ev.Resource.Name()]++
			}
		}
		return n
	}
	events := e.await("a gap of each resource", func(events []watch.Event) bool { return len(gaps(events)) == len(crds)+1 })
	for resource, n := range gaps(events) {
		if n != 1 {
			t.Errorf("%d gaps of %s", n, resource)
		}
	}
	if got := troubles(of(events, group)); got[trouble{watch.Modified, watch.Reconciled, "changed", int64(3), 0}] != 1 || len(got) != 1 {
		t.Errorf("reported %v", got)
	}
}
