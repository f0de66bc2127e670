package auditing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/defects"
	"github.com/crdwatch/crdwatch/test/module"
	"github.com/crdwatch/crdwatch/test/program"
)

// reportCRDs are those of the API and of its predecessor, with the modules that have
// them: the predecessor has none of its own on the proxy.
var reportCRDs = map[string]struct {
	module.Module
	files string
}{
	"openreports.io": {
		module.Module{Path: "github.com/openreports/reports-api", Version: "v0.2.1", Sum: "h1:g9KS3yle9Y1elmww4TK9EkD1rl6inIaiIJPX6e+u680="},
		"config/crd/*.yaml",
	},
	"wgpolicyk8s.io": {
		module.Module{Path: "github.com/kyverno/kyverno", Version: "v1.19.1", Sum: "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU="},
		"config/crds/policyreport/*.yaml",
	},
}

const (
	// mostResults is how many one report may have.
	mostResults = 1000
	// secrets are so many findings of a vault that they need two reports.
	secrets = mostResults + 10
)

// TestReportsFitTheirCRDs applies the reports of a broken cluster to that cluster, as
// "crdwatch audit -o openreports | kubectl apply --server-side -f -" does.
func TestReportsFitTheirCRDs(t *testing.T) {
	c := controlplane.StartT(t, controlplane.Options{})
	planted := slices.DeleteFunc(defects.All(), func(d defects.Defect) bool { return d.After > 0 })
	if err := defects.Plant(t.Context(), c, planted...); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), vaults()); err != nil {
		t.Fatal(err)
	}
	for group, crds := range reportCRDs {
		t.Run(group, func(t *testing.T) {
			dir, err := crds.Download(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			applyFiles(t, c, filepath.Join(dir, filepath.FromSlash(crds.files)))
			reports := newReports(t, c, group)
			for _, o := range reports.printed() {
				reports.apply(o)
			}
			reports.checkSplit("")
			reports.checkSplit("default")
			for _, d := range planted {
				if !slices.ContainsFunc(reports.results, func(r result) bool { return r.Policy == d.Rule }) {
					t.Errorf("no report has %s", d.Rule)
				}
			}
			reports.checkStrict()
		})
	}
}

// vaults is a type with too many secrets for one report: in one namespace those of an
// object, and for the cluster those that two objects have in common.
func vaults() []byte {
	var b strings.Builder
	b.WriteString(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: vaults.reports.crdwatch.io}
spec:
  group: reports.crdwatch.io
  scope: Namespaced
  names: {plural: vaults, kind: Vault, singular: vault, listKind: VaultList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, additionalProperties: {type: string}}}}}
`)
	for name, key := range map[string]string{"own": "own", "shared-a": "shared", "shared-b": "shared"} {
		fmt.Fprintf(&b, "---\napiVersion: reports.crdwatch.io/v1\nkind: Vault\nmetadata: {name: %s, namespace: default}\nspec:\n", name)
		for i := range secrets {
			fmt.Fprintf(&b, "  %s%dPassword: Tr0ub4dor-and-%d\n", key, i, i)
		}
	}
	return []byte(b.String())
}

func applyFiles(t *testing.T, c *controlplane.ControlPlane, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) != 2 {
		t.Fatalf("%s: %q, %v", pattern, paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// reports are those of one API.
type reports struct {
	t      *testing.T
	c      *controlplane.ControlPlane
	group  string
	client dynamic.Interface
	// stored are the reports as the API server has them, results all of theirs.
	stored  []*unstructured.Unstructured
	results []result
}

// result is what the test reads of one.
type result struct{ Policy, Result string }

func newReports(t *testing.T, c *controlplane.ControlPlane, group string) *reports {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	return &reports{t: t, c: c, group: group, client: client}
}

// printed are the reports that crdwatch audit prints.
func (r *reports) printed() []*unstructured.Unstructured {
	r.t.Helper()
	p := program.Start(r.t, r.c.Kubeconfig(), "audit", "-o", "openreports", "--reports-api", r.group, "--fail-on", "none", "--allow-partial")
	out, code := p.Rest()
	if code != 0 {
		r.t.Fatalf("crdwatch audit ended with %d:\n%s", code, p.Stderr)
	}
	var objects []*unstructured.Unstructured
	for _, doc := range bytes.Split([]byte(out), []byte("---\n"))[1:] {
		text, err := yaml.YAMLToJSON(doc)
		if err != nil {
			r.t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(text); err != nil {
			r.t.Fatalf("%v: %s", err, doc)
		}
		objects = append(objects, o)
	}
	return objects
}

// like are the stored objects of a report's kind and namespace.
func (r *reports) like(o *unstructured.Unstructured) dynamic.ResourceInterface {
	gvk := o.GroupVersionKind()
	gvr := schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: strings.ToLower(gvk.Kind) + "s"}
	return r.client.Resource(gvr).Namespace(o.GetNamespace())
}

// patch applies a report server-side; an unknown field is an error.
func (r *reports) patch(o *unstructured.Unstructured) error {
	text, err := o.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = r.like(o).Patch(r.t.Context(), o.GetName(), types.ApplyPatchType, text,
		metav1.PatchOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict})
	return err
}

// apply wants a report to be stored as it was printed.
func (r *reports) apply(o *unstructured.Unstructured) {
	r.t.Helper()
	err := r.patch(o)
	if err != nil {
		r.t.Fatalf("applying %s %s/%s: %v", o.GetKind(), o.GetNamespace(), o.GetName(), err)
	}
	back, err := r.like(o).Get(r.t.Context(), o.GetName(), metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	for field, want := range o.Object {
		if field == "metadata" {
			continue
		}
		if got := back.Object[field]; !equality.Semantic.DeepEqual(want, got) { // much faster than a Diff
			r.t.Errorf("%s of %s %s/%s (-printed +stored):\n%s", field, o.GetKind(), o.GetNamespace(), o.GetName(), gocmp.Diff(want, got))
		}
	}
	if o.GroupVersionKind().Group != r.group {
		r.t.Errorf("the report is of %s, want %s", o.GetAPIVersion(), r.group)
	}
	r.stored = append(r.stored, back)
	r.count(back)
}

// count takes in the results of a report, and wants its summary to be theirs.
func (r *reports) count(o *unstructured.Unstructured) {
	r.t.Helper()
	var report struct {
		Summary map[string]int
		Results []result
	}
	text, err := o.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	counted := map[string]int{"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0}
	for _, res := range report.Results {
		counted[res.Result]++
	}
	if d := gocmp.Diff(counted, report.Summary); d != "" {
		r.t.Errorf("the summary of %s/%s (-counted +printed):\n%s", o.GetNamespace(), o.GetName(), d)
	}
	if n := len(report.Results); n > mostResults {
		r.t.Errorf("%s/%s has %d results", o.GetNamespace(), o.GetName(), n)
	}
	r.results = append(r.results, report.Results...)
}

// checkSplit wants two reports in a namespace, or of the cluster, by numbered names.
func (r *reports) checkSplit(namespace string) {
	r.t.Helper()
	var names []string
	n := 0
	for _, o := range r.stored {
		if o.GetNamespace() == namespace {
			results, _, _ := unstructured.NestedSlice(o.Object, "results")
			names, n = append(names, o.GetName()), n+len(results)
		}
	}
	if d := gocmp.Diff([]string{"crdwatch-1", "crdwatch-2"}, names); d != "" || n <= secrets {
		r.t.Errorf("%d results in namespace %q, in the reports (-want +got):\n%s", n, namespace, d)
	}
}

// checkStrict: a field that the CRD does not have would have been refused.
func (r *reports) checkStrict() {
	r.t.Helper()
	o := r.stored[0].DeepCopy()
	o.SetManagedFields(nil)
	o.SetResourceVersion("")
	o.Object["verdict"] = "guilty"
	if err := r.patch(o); err == nil || !strings.Contains(err.Error(), "verdict") {
		r.t.Errorf("a field that there is not: %v", err)
	}
}
