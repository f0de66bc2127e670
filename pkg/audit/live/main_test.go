package live

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record makes a Record of an object.
func record(t testing.TB, o map[string]any) *watch.Record {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	// One stored block of DEFLATE: a compressor takes longer than the tests.
	body := binary.LittleEndian.AppendUint16([]byte{1}, uint16(len(text)))
	body = append(binary.LittleEndian.AppendUint16(body, ^uint16(len(text))), text...)
	u := unstructured.Unstructured{Object: o}
	return watch.Restore(watch.SavedObject{
		Namespace: u.GetNamespace(), Name: u.GetName(), UID: u.GetUID(), ResourceVersion: u.GetResourceVersion(),
		Generation: u.GetGeneration(), Body: body,
	})
}

// cluster is a Source, and what happens in it.
type cluster struct {
	t testing.TB

	mu       sync.Mutex
	rv       int
	set      discovery.Set
	statuses map[types.UID]watch.Status
	records  map[types.UID]map[string]*watch.Record
	done     chan struct{}
	// take and changed are told what happens.
	take    func([]watch.Entry)
	changed func(types.UID)
	// listing, if set, is called once before the Records of a resource are handed out.
	listing func()
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{
		t: t, set: discovery.Set{}, statuses: map[types.UID]watch.Status{}, done: make(chan struct{}),
		records: map[types.UID]map[string]*watch.Record{discovery.CRDs().UID: {}},
		take:    func([]watch.Entry) {}, changed: func(types.UID) {},
	}
	close(c.done)
	return c
}

func (c *cluster) Done() <-chan struct{} { return c.done }

func (c *cluster) Statuses() (all []watch.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.statuses {
		all = append(all, s)
	}
	return all
}

func (c *cluster) Status(uid types.UID) (watch.Status, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.statuses[uid]
	return s, ok
}

func (c *cluster) Records(uid types.UID) (watch.Records, bool) {
	if f := c.listing; f != nil {
		c.listing = nil
		f()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := watch.Records{Position: fmt.Sprint(c.rv)}
	for _, record := range c.records[uid] {
		r.List = append(r.List, record)
	}
	return r, c.records[uid] != nil
}

func (c *cluster) Record(uid types.UID, key string) *watch.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records[uid][key]
}

func (c *cluster) Resources() discovery.Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := discovery.Set{}
	for k, v := range c.set {
		set[k] = v
	}
	return set
}

// install creates a CRD, or edits its spec.
func (c *cluster) install(plural string, generation int64) types.UID {
	uid := types.UID("crd-" + plural)
	crd := map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + ".example.com", "uid": string(uid), "generation": generation},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced",
			"names":    map[string]any{"plural": plural, "singular": plural[:len(plural)-1], "kind": strings.ToUpper(plural[:1]) + plural[1:len(plural)-1]},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true}},
		},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}
	c.put(discovery.CRDs().UID, crd)
	res, err := discovery.Parse(&unstructured.Unstructured{Object: crd})
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.set[res.Key()] = res
	status, known := c.statuses[uid]
	status.Resource = res
	if !known {
		status.State, status.Whole, c.records[uid] = watch.Syncing, true, map[string]*watch.Record{}
	}
	c.statuses[uid] = status
	c.mu.Unlock()
	c.changed(uid)
	return uid
}

func (c *cluster) state(uid types.UID, state watch.State) {
	c.mu.Lock()
	s := c.statuses[uid]
	s.State, s.Reason, s.Message = state, "", ""
	if state != watch.Synced {
		s.Reason, s.Message = "Because", "because of the test"
	}
	c.statuses[uid] = s
	c.mu.Unlock()
	c.changed(uid)
}

// synced is install and a watch.
func (c *cluster) synced(plural string) types.UID {
	uid := c.install(plural, 1)
	c.state(uid, watch.Synced)
	return uid
}

// put creates or updates an object.
func (c *cluster) put(crd types.UID, o map[string]any, events ...watch.Event) {
	c.take(c.hold(crd, o, events...))
}

// hold is put, but the entry is for the caller to hand on.
func (c *cluster) hold(crd types.UID, o map[string]any, events ...watch.Event) []watch.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rv++
	u := unstructured.Unstructured{Object: o}
	u.SetResourceVersion(fmt.Sprint(c.rv))
	now := record(c.t, o)
	old := c.records[crd][now.Key()]
	c.records[crd][now.Key()] = now
	return []watch.Entry{{Checkpoint: c.checkpoint(crd), Object: now, Old: old, Events: events}}
}

// remove deletes an object.
func (c *cluster) remove(crd types.UID, key string) { c.take(c.holdRemoval(crd, key)) }

func (c *cluster) holdRemoval(crd types.UID, key string) []watch.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rv++
	o, err := c.records[crd][key].Object()
	if err != nil {
		c.t.Fatal(err)
	}
	delete(c.records[crd], key)
	o["metadata"].(map[string]any)["resourceVersion"] = fmt.Sprint(c.rv)
	return []watch.Entry{{Checkpoint: c.checkpoint(crd), Object: record(c.t, o), Deleted: true}}
}

func (c *cluster) checkpoint(crd types.UID) watch.Checkpoint {
	return watch.Checkpoint{Resource: crd, Position: fmt.Sprint(c.rv)}
}

// uninstall deletes a CRD.
func (c *cluster) uninstall(plural string) {
	uid := types.UID("crd-" + plural)
	c.mu.Lock()
	for k, r := range c.set {
		if r.UID == uid {
			delete(c.set, k)
		}
	}
	delete(c.statuses, uid)
	c.mu.Unlock()
	c.remove(discovery.CRDs().UID, plural+".example.com")
	c.take([]watch.Entry{{Checkpoint: watch.Checkpoint{Resource: uid}, Forgotten: true}})
}

// object is one of a namespace; spec says what is wrong with it.
func object(name string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"namespace": "web", "name": name, "uid": "uid-" + name, "generation": int64(1)},
		"spec":     spec,
	}
}

// history keeps the events of findings as the store does.
type history struct {
	mu    sync.Mutex
	lines []string
	at    []time.Time
	open  map[string]watch.Event
	ids   map[string]bool
	last  map[types.UID]watch.Counts
	t     testing.TB
}

func newHistory(t testing.TB) *history {
	return &history{t: t, open: map[string]watch.Event{}, ids: map[string]bool{}, last: map[types.UID]watch.Counts{}}
}

func (h *history) record(e watch.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Counts != nil {
		h.last[e.Counts.Resource] = *e.Counts
	}
	for _, ev := range e.Events {
		f := ev.Finding
		line := fmt.Sprintf("%s %s %s %s", f.State, f.Rule, f.Severity, audit.Subject{Namespace: f.Subject.Namespace, Name: f.Subject.Name}.Object())
		if f.OldSeverity != "" {
			line += " was " + f.OldSeverity
		}
		h.lines, h.at = append(h.lines, line), append(h.at, time.Now())
		if h.ids[ev.ID] {
			h.t.Errorf("the ID %s twice", ev.ID)
		}
		h.ids[ev.ID] = true
		_, known := h.open[f.Fingerprint]
		switch {
		case f.State == watch.FindingResolved && !known:
			h.t.Errorf("%s: it was not open", line)
		case f.State == watch.FindingOpen && known && f.OldSeverity == "":
			h.t.Errorf("%s: it was open", line)
		case f.State == watch.FindingOpen:
			h.open[f.Fingerprint] = ev
		default:
			delete(h.open, f.Fingerprint)
		}
	}
}

// told returns what was told since the last call, sorted.
func (h *history) told() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	sort.Strings(h.lines)
	all := strings.Join(h.lines, "; ")
	h.lines, h.at = nil, nil
	return all
}

func (h *history) events() (open []watch.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.open {
		// What a store gives back has gone through JSON.
		text, err := json.Marshal(ev)
		var back watch.Event
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		open = append(open, back)
	}
	return open
}

// counts returns the last ones of each resource.
func (h *history) counts() (all []watch.Counts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.last {
		kept := watch.Counts{Resource: c.Resource}
		for _, n := range c.List {
			kept.List = append(kept.List, watch.Count{Time: n.Time.UTC().Truncate(time.Microsecond), Objects: n.Objects})
		}
		all = append(all, kept)
	}
	return all
}

// world is the API server beyond what is watched.
type world struct {
	mu      sync.Mutex
	answers map[audit.Question]audit.Answer
	asked   []time.Time
	follows map[audit.Question]func(audit.Answer)
}

func newWorld() *world {
	return &world{answers: map[audit.Question]audit.Answer{}, follows: map[audit.Question]func(audit.Answer){}}
}

func (w *world) set(q audit.Question, a audit.Answer) {
	w.mu.Lock()
	w.answers[q] = a
	tell := w.follows[q]
	w.mu.Unlock()
	if tell != nil {
		tell(a)
	}
}

func (w *world) Answer(_ context.Context, q audit.Question) audit.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, time.Now())
	return w.answers[q]
}

func (w *world) Follow(ctx context.Context, q audit.Question, answered func(audit.Answer)) {
	w.mu.Lock()
	w.follows[q] = answered
	a := w.answers[q]
	w.mu.Unlock()
	answered(a)
	<-ctx.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.follows, q)
}

// run runs an Auditor until stop is called.
func run(t *testing.T, c *cluster, h *history, w *world, rules ...audit.Rule) (a *Auditor, stop func()) {
	t.Helper()
	return runWith(t, Options{Evaluator: audit.Evaluator{Rules: rules}, Source: c, Answers: w, Record: h.record, Open: h.events(), Counts: h.counts()})
}

func runWith(t *testing.T, o Options) (*Auditor, func()) {
	t.Helper()
	a := New(o)
	c := o.Source.(*cluster)
	c.take, c.changed = a.Take, a.StateChanged
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.Run(ctx) }()
	synctest.Wait()
	return a, func() {
		cancel()
		<-ended
		c.take, c.changed = func([]watch.Entry) {}, func(types.UID) {}
	}
}

// pass lets time pass, and all that is to happen in it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bad finds what spec says: a severity, and from and until when.
func bad() audit.Rule {
	return audit.Rule{ID: "CR100", Name: "bad", Severity: audit.High, About: audit.AboutObject, Check: func(in *audit.Input) ([]audit.Finding, error) {
		spec, _ := in.Object.Object["spec"].(map[string]any)
		if spec["unknown"] != nil {
			return nil, fmt.Errorf("it cannot be told")
		}
		text, ok := spec["bad"].(string)
		if !ok {
			return nil, nil
		}
		f := audit.Finding{Path: ".spec.bad", Message: "it is bad"}
		f.Severity, _ = audit.ParseSeverity(text)
		for field, at := range map[string]*time.Time{"due": &f.Due, "until": &f.Until} {
			if text, ok := spec[field].(string); ok {
				*at, _ = time.Parse(time.RFC3339, text)
			}
		}
		return []audit.Finding{f}, nil
	}}
}

// many finds something in a CRD that has two objects or more.
func many() audit.Rule {
	return audit.Rule{ID: "CRD100", Name: "many", Severity: audit.Medium, About: audit.AboutCRD, Check: func(in *audit.Input) ([]audit.Finding, error) {
		if in.Census == nil || in.Census.Objects < 2 {
			return nil, nil
		}
		return []audit.Finding{{Message: "there are two"}}, nil
	}}
}
