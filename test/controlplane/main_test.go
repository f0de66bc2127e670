package controlplane_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// cp is shared by all tests that do not stop it.
var cp *controlplane.ControlPlane

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	code := controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { cp = c })
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var (
	widgets    = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// poll waits for ok with the deadline that all tests share.
func poll(t *testing.T, what string, ok func(ctx context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 30*time.Second, true,
		func(ctx context.Context) (bool, error) { return ok(ctx), nil })
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// client returns a dynamic client whose connections end with the test.
func client(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(httpClient.CloseIdleConnections)
	c, err := dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// applyWidgets writes the CRD, the namespace orchard and two widgets.
func applyWidgets(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	if err := c.ApplyDir(t.Context(), "testdata/widgets"); err != nil {
		t.Fatal(err)
	}
}

// setSize writes the size of the widget default/apple and returns it.
func setSize(t *testing.T, c dynamic.Interface, size int64) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": "apple"},
		"spec":     map[string]any{"size": size},
	}}
	o, err := c.Resource(widgets).Namespace("default").Apply(t.Context(), "apple", o,
		metav1.ApplyOptions{FieldManager: "sizer", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
