// Package deploy holds deploy/ against what reads it: Helm, the types of Kubernetes, pod
// security, Prometheus, and the program whose flags and metrics it names.
package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/test/deploy/chart"
)

const (
	deployDir = "../../deploy"
	chartDir  = deployDir + "/helm/crdwatch"
)

// variants are the values that all promises are held against.
func variants(t *testing.T) map[string]map[string]any {
	t.Helper()
	everything := readValues(t, "testdata/everything.yaml")
	stateless := readValues(t, "testdata/everything.yaml")
	stateless["mode"] = "stateless"
	return map[string]map[string]any{
		"default":              nil,
		"stateless":            {"mode": "stateless"},
		"everything":           everything,
		"everything stateless": stateless,
	}
}

func readValues(t *testing.T, path string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func render(t *testing.T, values map[string]any) []chart.Manifest {
	t.Helper()
	manifests, err := chart.Render(chartDir, values, chart.Release{Name: "crdwatch", Namespace: "audit"})
	if err != nil {
		t.Fatal(err)
	}
	return manifests
}

// foreign tells what has a type that is no part of Kubernetes: TestAppliedStrictly has the
// CRD.
func foreign(m chart.Manifest) bool {
	var head metav1.TypeMeta
	err := yaml.Unmarshal(m.YAML, &head)
	return err == nil && slices.Contains([]string{"monitoring.coreos.com", "cert-manager.io"}, head.GroupVersionKind().Group)
}

// typed decodes what has a type, and refuses fields that it does not have.
func typed(t *testing.T, manifests []chart.Manifest) []runtime.Object {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for _, m := range manifests {
		if foreign(m) {
			continue
		}
		obj, _, err := decoder.Decode(m.YAML, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", m.Template, err, m.YAML)
		}
		objects = append(objects, obj)
	}
	return objects
}

// of returns the objects of one type.
func of[T runtime.Object](objects []runtime.Object) []T {
	var found []T
	for _, o := range objects {
		if o, ok := o.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// pod is the template of the only workload.
func pod(t *testing.T, objects []runtime.Object) *corev1.PodTemplateSpec {
	t.Helper()
	var pods []*corev1.PodTemplateSpec
	for _, o := range of[*appsv1.StatefulSet](objects) {
		pods = append(pods, &o.Spec.Template)
	}
	for _, o := range of[*appsv1.Deployment](objects) {
		pods = append(pods, &o.Spec.Template)
	}
	if len(pods) != 1 {
		t.Fatalf("got %d workloads, want 1", len(pods))
	}
	return pods[0]
}

// kinds are those that a variant has, of all types.
func kinds(t *testing.T, manifests []chart.Manifest) []string {
	t.Helper()
	var all []string
	for _, m := range manifests {
		var obj unstructured.Unstructured
		if err := yaml.Unmarshal(m.YAML, &obj.Object); err != nil {
			t.Fatal(err)
		}
		all = append(all, obj.GetKind())
	}
	slices.Sort(all)
	return all
}

func TestKinds(t *testing.T) {
	v := variants(t)
	for name, want := range map[string][]string{
		"default":   {"ClusterRole", "ClusterRoleBinding", "Service", "ServiceAccount", "StatefulSet"},
		"stateless": {"ClusterRole", "ClusterRoleBinding", "Deployment", "Service", "ServiceAccount"},
		"everything": {
			"Certificate", "ClusterRole", "ClusterRole", "ClusterRoleBinding", "ClusterRoleBinding", "ConfigMap", "ConfigMap",
			"NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "Secret", "Service", "ServiceAccount",
			"ServiceAccount", "ServiceMonitor", "StatefulSet",
		},
	} {
		if diff := cmp.Diff(want, kinds(t, render(t, v[name]))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestLint(t *testing.T) {
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			for _, m := range lint.RunAll(chartDir, values, "audit").Messages {
				if m.Severity > support.InfoSev {
					t.Errorf("%s: %v", m.Path, m.Err)
				}
			}
		})
	}
}

func TestValuesThatAreWrongAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		values string
		want   string
	}{
		"misspelt":             {"replica: 2", "replica"},
		"misspelt below":       {"history: {retain: 7d}", "retain"},
		"unknown mode":         {"mode: durable", "mode"},
		"no duration":          {"history: {retention: a week}", "retention"},
		"no digest":            {"image: {digest: latest}", "digest"},
		"killed while it ends": {"terminationGracePeriodSeconds: 10", "terminationGracePeriodSeconds"},
		"no issuer":            {"tls: {certManager: {enabled: true}}", "issuerRef"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, tc.values, tc.want)
		})
	}
}

// requireRefused wants an error that names what is wrong.
func requireRefused(t *testing.T, text, want string) {
	t.Helper()
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	_, err := chart.Render(chartDir, values, chart.Release{Name: "crdwatch", Namespace: "audit"})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error that names %q", err, want)
	}
}

func TestKustomizeIsInStep(t *testing.T) {
	want, err := chart.Base(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(deployDir, "kustomize"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(deployDir, "kustomize", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = data
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("make generate would change deploy/kustomize: -want +got:\n%s", diff)
	}
	requireResources(t, want)
}

// requireResources wants the index to name all other files, and all of them to be in its
// namespace.
func requireResources(t *testing.T, files map[string][]byte) {
	t.Helper()
	var index struct {
		Namespace string
		Resources []string
	}
	if err := yaml.Unmarshal(files["kustomization.yaml"], &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Resources) != len(files)-1 {
		t.Errorf("got %d resources, want %d", len(index.Resources), len(files)-1)
	}
	var errs []error
	for _, name := range index.Resources {
		var obj unstructured.Unstructured
		errs = append(errs, yaml.Unmarshal(files[name], &obj.Object))
		if ns := obj.GetNamespace(); ns != "" && ns != index.Namespace {
			t.Errorf("%s is in the namespace %s, want %s", name, ns, index.Namespace)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
