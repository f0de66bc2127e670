package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/audit"
	liveaudit "github.com/crdwatch/crdwatch/pkg/audit/live"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// audited is what crdwatch serve is made of: a watch, a history and an auditor.
type audited struct {
	*liveaudit.Auditor
	t      testing.TB
	store  *store.SQLite
	ledger *report.Ledger
	stop   func()
}

// auditing runs all of it on a group, with a history in a directory.
func auditing(t *testing.T, dir, group string, rules ...audit.Rule) *audited {
	t.Helper()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.OpenFindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := &audited{t: t, store: s}
	if a.ledger, err = report.OpenLedger(t.Context(), report.LedgerOptions{History: s}); err != nil {
		t.Fatal(err)
	}
	recorder := report.NewRecorder(report.RecorderOptions{Ledger: a.ledger, Store: s,
		Kept: func(entries []watch.Entry) { a.Take(entries) }})
	clients, err := watch.NewClients(shared.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	manager := watch.New(watch.Options{Clients: clients, Sink: recorder, Snapshots: s, Resolve: only(group), Timing: quiet,
		StateChanged: func(crd types.UID) { a.StateChanged(crd) }})
	a.Auditor = liveaudit.New(liveaudit.Options{
		Evaluator: audit.Evaluator{Rules: rules, Exempter: exempter(t)}, Source: manager,
		Answers: lookup.New(clients, lookup.Options{TTL: 1}), Record: recorder.Record, Open: open,
	})
	a.run(manager, recorder)
	return a
}

func exempter(t *testing.T) audit.Exempter {
	t.Helper()
	x, err := audit.NewExemptions(nil, audit.ExemptionOptions{Rules: rules.All()})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// run starts what has to run, and sets stop.
func (a *audited) run(manager *watch.Manager, recorder *report.Recorder) {
	ctx, cancel := context.WithCancel(context.Background())
	var writers, keeper sync.WaitGroup
	failed := func(what string, err error) {
		if err != nil {
			a.t.Errorf("%s: %v", what, err)
		}
	}
	keeper.Go(func() { failed("the recorder", recorder.Run(context.Background())) })
	writers.Go(func() { failed("the manager", manager.Run(ctx)) })
	writers.Go(func() { failed("the auditor", a.Run(ctx)) })
	a.stop = sync.OnceFunc(func() {
		cancel()
		writers.Wait()
		recorder.Close()
		keeper.Wait()
		failed("closing the history", a.store.Close())
	})
	a.t.Cleanup(a.stop)
}

// await waits until the events of findings in the history are these, oldest first.
func (a *audited) await(want ...string) {
	a.t.Helper()
	patience.Until(a.t, fmt.Sprintf("the findings in the history are %q", want), func() (bool, string) {
		got := a.told()
		return slices.Equal(got, want), fmt.Sprintf("%q", got)
	})
}

// told are the events of findings in the history.
func (a *audited) told() []string {
	a.t.Helper()
	got := []string{}
	for ev, err := range a.store.Events(context.Background(), store.Query{Type: watch.Finding}) {
		if err != nil {
			a.t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s", ev.Finding.State, ev.Finding.Rule, ev.Name))
	}
	return got
}

// complete waits until everything is evaluated.
func (a *audited) complete() {
	a.t.Helper()
	patience.Until(a.t, "everything is evaluated", func() (bool, string) {
		u := a.Findings().NotEvaluated
		return len(u) == 0, fmt.Sprint(u)
	})
}

// expiredIgnore is a rule that can be met at once: an annotation that exempts nothing.
func expiredIgnore(t *testing.T) audit.Rule {
	t.Helper()
	all := rules.All()
	i := slices.IndexFunc(all, func(r audit.Rule) bool { return r.ID == "META001" })
	if i < 0 {
		t.Fatal("there is no META001")
	}
	return all[i]
}

// annotate creates an object, or sets its annotation.
func annotate(t *testing.T, crd scribe.CRD, name, value string) {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": crd.GVR().GroupVersion().String(), "kind": crd.Kind()}}
	o.SetName(name)
	o.SetAnnotations(map[string]string{"ignore.crdwatch.io/CR001": value})
	_, err := objectsOf(t, crd).Apply(context.Background(), name, o, metav1.ApplyOptions{FieldManager: "test", Force: true})
	if err != nil {
		t.Fatal(err)
	}
}

func objectsOf(t *testing.T, crd scribe.CRD) dynamic.ResourceInterface {
	t.Helper()
	return newObjects(t, shared, crd).client
}

// TestLiveAudit: findings come and go with what causes them, whether somebody watches
// at the moment or not, and each is told once.
func TestLiveAudit(t *testing.T) {
	const group = "liveaudit.example.com"
	crd, dir := scribe.Install(t, shared, group, 1)[0], t.TempDir()
	annotate(t, crd, "there-before", "")
	a := auditing(t, dir, group, expiredIgnore(t))
	a.await("open META001 there-before")
	a.complete()
	annotate(t, crd, "comes", "")
	a.await("open META001 there-before", "open META001 comes")
	annotate(t, crd, "comes", "a reason")
	a.await("open META001 there-before", "open META001 comes", "resolved META001 comes")
	annotate(t, crd, "stays", "")
	annotate(t, crd, "stays", "")
	a.await("open META001 there-before", "open META001 comes", "resolved META001 comes", "open META001 stays")
	before := a.told()
	a.stop()

	annotate(t, crd, "there-before", "a reason")
	a = auditing(t, dir, group, expiredIgnore(t))
	a.await(append(before, "resolved META001 there-before")...)
	a.complete()
	if n := len(a.Findings().Open); n != 1 {
		t.Errorf("%d findings are open", n)
	}
	if err := objectsOf(t, crd).Delete(context.Background(), "stays", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	a.await(append(before, "resolved META001 there-before", "resolved META001 stays")...)
	rep, err := a.store.Check(t.Context())
	if err != nil || len(rep.Faults) > 0 {
		t.Errorf("the history: %v %q", err, rep.Faults)
	}
}

// TestLiveAuditFollows: what a rule follows is known when it changes, though nothing
// that is watched does.
func TestLiveAuditFollows(t *testing.T) {
	const group, name = "livefollow.example.com", "followed-service"
	q := audit.Question{Version: "v1", Resource: "services", Namespace: metav1.NamespaceDefault, Name: name, Follow: true}
	rule := audit.Rule{
		ID: "CRD100", Name: "service-missing", Severity: audit.High, About: audit.AboutCRD,
		Ask: func(*audit.Input) []audit.Question { return []audit.Question{q} },
		Check: func(in *audit.Input) ([]audit.Finding, error) {
			if in.Answer(q).Outcome == audit.Absent {
				return []audit.Finding{{Message: "the service is not there"}}, nil
			}
			return nil, nil
		},
	}
	crd := scribe.Install(t, shared, group, 1)[0]
	a := auditing(t, t.TempDir(), group, rule)
	opened, resolved := "open CRD100 "+crd.Name(), "resolved CRD100 "+crd.Name()
	a.await(opened)
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	services := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace(metav1.NamespaceDefault)
	service := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"clusterIP": corev1.ClusterIPNone}}}
	if _, err := services.Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	a.await(opened, resolved)
	if err := services.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	a.await(opened, resolved, opened)
}
