package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/deploy/chart"
)

// operators have the types that are no part of Kubernetes, as their projects publish them.
// The sums are those of test/realcrds.
var operators = []struct{ module, sum, files string }{
	{
		"github.com/cert-manager/cert-manager@v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
		"deploy/crds/*_certificates.yaml",
	},
	{
		"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		"example/prometheus-operator-crd-full/monitoring.coreos.com_*monitors.yaml",
	},
	{
		"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		"example/prometheus-operator-crd-full/monitoring.coreos.com_prometheusrules.yaml",
	},
}

// cluster is a control plane with the types of the operators, and a namespace that takes
// restricted pods only.
type cluster struct {
	*controlplane.ControlPlane
	t        *testing.T
	kube     kubernetes.Interface
	dynamic  dynamic.Interface
	mapper   *restmapper.DeferredDiscoveryRESTMapper
	warnings *warnings
}

// warnings are what the API server says beside its answers.
type warnings struct {
	mu  sync.Mutex
	all []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

// take returns what was said since the last time.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{ControlPlane: controlplane.StartT(t, controlplane.Options{}), t: t, warnings: &warnings{}}
	for _, o := range operators {
		for _, path := range published(t, o.module, o.sum, o.files) {
			if err := c.ApplyFile(t.Context(), path); err != nil {
				t.Fatal(err)
			}
		}
	}
	config := c.Config()
	config.WarningHandler = c.warnings
	c.kube, c.dynamic = kubernetes.NewForConfigOrDie(config), dynamic.NewForConfigOrDie(config)
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(config)))
	for _, name := range []string{"audit", "crdwatch"} {
		c.createNamespace(name)
	}
	return c
}

func (c *cluster) createNamespace(name string) {
	c.t.Helper()
	labels := map[string]string{}
	for _, mode := range []string{"enforce", "warn", "audit"} {
		labels["pod-security.kubernetes.io/"+mode] = "restricted"
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if _, err := c.kube.CoreV1().Namespaces().Create(c.t.Context(), ns, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// published returns the files of a module that match a pattern.
func published(t *testing.T, module, sum, files string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir() // not within a module, so that none is changed
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOSUMDB=off")
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if err := errors.Join(err, json.Unmarshal(out, &got)); err != nil {
		t.Fatalf("downloading %s: %v: %s", module, err, got.Error)
	}
	if got.Sum != sum {
		t.Fatalf("the sum of %s is %s, want %s", module, got.Sum, sum)
	}
	paths, err := filepath.Glob(filepath.Join(got.Dir, filepath.FromSlash(files)))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has no files %s: %v", module, files, err)
	}
	return paths
}

// apply applies server-side, and fails for a field that the type does not have.
func (c *cluster) apply(ctx context.Context, m []byte) error {
	var obj unstructured.Unstructured
	if err := yaml.Unmarshal(m, &obj.Object); err != nil {
		return err
	}
	gvk := obj.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	data, err := json.Marshal(obj.Object)
	if err != nil {
		return err
	}
	var client dynamic.ResourceInterface = c.dynamic.Resource(mapping.Resource)
	if ns := obj.GetNamespace(); ns != "" {
		client = c.dynamic.Resource(mapping.Resource).Namespace(ns)
	}
	_, err = client.Patch(ctx, obj.GetName(), types.ApplyPatchType, data,
		metav1.PatchOptions{FieldManager: "test", Force: ptr.To(true), FieldValidation: metav1.FieldValidationStrict})
	return err
}

// TestOnAnAPIServer is all that needs a real one, which takes seconds to start.
func TestOnAnAPIServer(t *testing.T) {
	c := newCluster(t)
	t.Run("applied strictly", c.testApplied)
	t.Run("account", c.testAccount)
	t.Run("image", c.testImage)
	t.Run("prometheus", c.testPrometheus)
}

// testApplied has the API server take all that the chart and the base have: it knows every
// field of it, warns of nothing, and admits the pods.
func (c *cluster) testApplied(t *testing.T) {
	base, err := chart.Base(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	delete(base, "kustomization.yaml")
	for _, data := range base {
		c.require(chart.Manifest{Template: "kustomize", YAML: data})
	}
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			manifests := render(t, values)
			for _, m := range manifests {
				c.require(m)
			}
			c.admit(t, typed(t, manifests))
		})
	}
	if err := c.apply(t.Context(), []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: audit}\ndatum: {}\n")); err == nil || !strings.Contains(err.Error(), "datum") {
		t.Errorf("a field that does not exist is taken: %v", err)
	}
	c.warnings.take()
}

func (c *cluster) require(m chart.Manifest) {
	c.t.Helper()
	if err := c.apply(c.t.Context(), m.YAML); err != nil {
		c.t.Errorf("%s: %v\n%s", m.Template, err, m.YAML)
	}
	for _, w := range c.warnings.take() {
		c.t.Errorf("%s: the API server warns: %s", m.Template, w)
	}
}

// admit has the API server admit the pod that a controller would make of the template.
func (c *cluster) admit(t *testing.T, objects []runtime.Object) {
	t.Helper()
	template := pod(t, objects)
	p := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
	p.GenerateName = "crdwatch-"
	for _, s := range of[*appsv1.StatefulSet](objects) {
		for _, claim := range s.Spec.VolumeClaimTemplates {
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name + "-crdwatch-0"},
			}})
		}
	}
	_, err := c.kube.CoreV1().Pods("audit").Create(t.Context(), p, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	if err != nil {
		t.Error(err)
	}
	for _, w := range c.warnings.take() {
		t.Errorf("the API server warns: %s", w)
	}
}
