package scan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/apitest"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// testRules: one finds every object, one tells what it is given of a CRD.
func testRules() []audit.Rule {
	return []audit.Rule{
		{
			ID: "T001", Name: "object", Severity: audit.Low, About: audit.AboutObject,
			Ask: func(in *audit.Input) []audit.Question { return []audit.Question{question(in)} },
			Check: func(in *audit.Input) ([]audit.Finding, error) {
				password, _ := in.Object.Object["spec"].(map[string]any)["password"].(string)
				return []audit.Finding{{Message: fmt.Sprintf("password %s, config %d, peers %d", password, in.Answer(question(in)).Outcome, len(in.Peers))}}, nil
			},
		},
		{
			ID: "T002", Name: "crd", Severity: audit.Info, About: audit.AboutCRD,
			Check: func(in *audit.Input) ([]audit.Finding, error) {
				f := audit.Finding{Message: describeInput(in)}
				if in.Failure != nil {
					f.Since = in.Failure.Since
				}
				return []audit.Finding{f}, nil
			},
		},
		{
			ID: "T003", Name: "live", Severity: audit.Critical, About: audit.AboutCRD, Live: true,
			Check: func(*audit.Input) ([]audit.Finding, error) { return []audit.Finding{{Message: "called"}}, nil },
		},
	}
}

func question(in *audit.Input) audit.Question {
	return audit.Question{Resource: "configmaps", Namespace: in.Object.GetNamespace(), Name: "config"}
}

func describeInput(in *audit.Input) string {
	text := "unread"
	if in.Census != nil {
		text = fmt.Sprintf("%d objects, T001 finds %d", in.Census.Objects, 0)
		if found := in.Census.Findings["T001"]; found != nil {
			text = fmt.Sprintf("%d objects, T001 finds %d", in.Census.Objects, found.Objects)
		}
	}
	if in.Failure != nil {
		text += fmt.Sprintf(", %s after %d attempts", in.Failure.Reason, in.Failure.Attempts)
	}
	if in.Earlier != nil {
		text += fmt.Sprintf(", earlier conversion %s", in.Earlier.Spec.Conversion.Strategy)
	}
	for _, p := range in.Peers {
		text += fmt.Sprintf("; %s %d", p.Plural, p.Objects)
	}
	return text
}

func crd(plural string, served bool) map[string]any {
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + ".example.com", "uid": "uid-" + plural},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced",
			"names": map[string]any{"plural": plural, "kind": strings.ToUpper(plural[:1]) + plural[1:len(plural)-1]},
			"versions": []any{map[string]any{"name": "v1", "served": served, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object"},
			}}},
		},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}
}

func crdObject(plural string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: crd(plural, true)}
}

func widget(i int) map[string]any {
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"namespace": "web", "name": fmt.Sprintf("w%03d", i), "uid": fmt.Sprint("uid-", i)},
		"spec":     map[string]any{"password": "hunter2"},
	}
}

const widgets = 130

// cluster has widgets, no gadgets, and things that are not served.
func cluster() *apitest.Server {
	s := &apitest.Server{Types: []apitest.Type{
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions", Kind: "CustomResourceDefinition",
			Objects: []map[string]any{crd("gadgets", true), crd("things", false), crd("widgets", true)}},
		{Group: "example.com", Version: "v1", Resource: "gadgets", Kind: "Gadget", Namespaced: true},
		{Group: "example.com", Version: "v1", Resource: "widgets", Kind: "Widget", Namespaced: true},
		{Version: "v1", Resource: "configmaps", Kind: "ConfigMap", Namespaced: true},
	}}
	for i := range widgets {
		s.Types[2].Objects = append(s.Types[2].Objects, widget(i))
	}
	return s
}

func options(t *testing.T, s *apitest.Server) Options {
	clients := s.Clients(t)
	return Options{
		Evaluator: audit.Evaluator{Rules: testRules()}, Now: now,
		Clients: clients, Answers: lookup.New(clients, lookup.Options{}),
	}
}

// lines are the findings and what was not evaluated.
func lines(r *audit.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%s %s ×%d: %s", f.Rule, f.Subject.ResourceName()+"/"+f.Subject.Object(), f.Count, f.Message))
	}
	for _, u := range r.NotEvaluated {
		all = append(all, fmt.Sprintf("not %s %s: %s", u.Resource, u.Reason, u.Message))
	}
	return all
}

const (
	allWidgets  = "T001 widgets.example.com/ ×130: password <redacted sha256:f52fbd32>, config 2, peers 3"
	unserved    = "not things.example.com NoServedVersion: the CRD serves none of its versions"
	gadgetCRD   = "T002 customresourcedefinitions.apiextensions.k8s.io/gadgets.example.com ×1: "
	thingCRD    = "T002 customresourcedefinitions.apiextensions.k8s.io/things.example.com ×1: "
	widgetCRD   = "T002 customresourcedefinitions.apiextensions.k8s.io/widgets.example.com ×1: "
	allPeers    = "; gadgets 0; things -1; widgets 130"
	thingsState = "unread, NoServedVersion after 0 attempts"
)

func whole() []string {
	return []string{
		allWidgets, gadgetCRD + "0 objects, T001 finds 0" + allPeers, thingCRD + thingsState + allPeers,
		widgetCRD + "130 objects, T001 finds 130" + allPeers, unserved,
	}
}

func TestWholeCluster(t *testing.T) {
	s := cluster()
	o := options(t, s)
	var last Progress
	o.Progress = func(p Progress) { last = p }
	seen := 0
	o.Seen = func(*audit.Finding) { seen++ }
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(whole(), lines(r)); d != "" || r.Complete {
		t.Errorf("complete %t\n%s", r.Complete, d)
	}
	for _, f := range r.Findings {
		if !f.Since.IsZero() {
			t.Errorf("%s is said to have begun at %s, when it was first looked at", f.Subject.Name, f.Since)
		}
	}
	if (last != Progress{3, 3, widgets}) || seen != widgets+3 {
		t.Errorf("progress %+v, %d findings seen", last, seen)
	}
	var limits []string
	for _, uri := range s.Requests() {
		if _, query, ok := strings.Cut(uri, "/widgets?"); ok {
			limits = append(limits, query)
		}
	}
	if d := cmp.Diff([]string{"limit=10", "continue=10&limit=500"}, limits); d != "" {
		t.Error(d)
	}
}

// TestSelection: siblings that are not audited are counted; of a part of the objects,
// nothing is said about the CRD.
func TestSelection(t *testing.T) {
	only := func(plural string, scope watch.Scope) func(discovery.Set) (watch.Selector, error) {
		return func(discovery.Set) (watch.Selector, error) {
			return func(r discovery.Resource) (watch.Scope, bool) { return scope, r.GVR.Resource == plural }, nil
		}
	}
	for name, test := range map[string]struct {
		resolve func(discovery.Set) (watch.Selector, error)
		want    []string
	}{
		"a type":              {only("gadgets", watch.Scope{}), []string{gadgetCRD + "0 objects, T001 finds 0" + allPeers}},
		"a namespace":         {only("widgets", watch.Scope{Namespace: "web"}), []string{allWidgets}},
		"another namespace":   {only("widgets", watch.Scope{Namespace: "db"}), nil},
		"a field of metadata": {only("gizmos", watch.Scope{}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, cluster())
			o.Resolve = test.resolve
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, lines(r)); d != "" || !r.Complete {
				t.Errorf("complete %t\n%s", r.Complete, d)
			}
		})
	}
	// A sibling may be of another group.
	elsewhere := cluster()
	other := crd("gizmos", true)
	other["metadata"].(map[string]any)["name"] = "gizmos.other.example.com"
	other["spec"].(map[string]any)["group"] = "other.example.com"
	elsewhere.Types[0].Objects = append(elsewhere.Types[0].Objects, other)
	elsewhere.Types = append(elsewhere.Types, apitest.Type{Group: "other.example.com", Version: "v1", Resource: "gizmos", Kind: "Gizmo", Namespaced: true})
	o := options(t, elsewhere)
	o.Resolve = only("gadgets", watch.Scope{})
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{gadgetCRD + "0 objects, T001 finds 0; gadgets 0; gizmos 0; things -1; widgets 130"}
	if d := cmp.Diff(want, lines(r)); d != "" {
		t.Error(d)
	}
	o = options(t, cluster())
	unknown := errors.New("unknown type")
	o.Resolve = func(discovery.Set) (watch.Selector, error) { return nil, unknown }
	if _, err := Run(t.Context(), o); !errors.Is(err, unknown) {
		t.Errorf("error %v", err)
	}
}

// TestBaseline: what is known is passed over, however many pages there are.
func TestBaseline(t *testing.T) {
	o := options(t, cluster())
	o.Known = func(f *audit.Finding) bool { return f.Rule == "T001" }
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(whole()[1:], lines(r)); d != "" || r.Suppressed != widgets {
		t.Errorf("%d suppressed\n%s", r.Suppressed, d)
	}
}
