package controlplane_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

func TestVersionIsTheModules(t *testing.T) {
	if !regexp.MustCompile(`^v1\.\d+\.\d+$`).MatchString(cp.Version()) || cp.Version() == "v1.0.0" {
		t.Errorf("version %q is not that of a Kubernetes release", cp.Version())
	}
}

func TestApplyWaitsForItsOwnCRDs(t *testing.T) {
	applyWidgets(t, cp)
	list, err := client(t, cp.Config()).Resource(widgets).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range list.Items {
		got[o.GetNamespace()+"/"+o.GetName()] = o.GetManagedFields()[0].Manager
	}
	want := map[string]string{"default/apple": controlplane.Manager, "orchard/pear": controlplane.Manager}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("widgets and their managers (-want +got):\n%s", diff)
	}
}

func TestApplyNamesWhatFailed(t *testing.T) {
	err := cp.Apply(t.Context(), []byte(`
apiVersion: v1
kind: ConfigMap
metadata: {name: lost, namespace: nowhere}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept}
`))
	if !apierrors.IsNotFound(err) {
		t.Errorf("error %v, want not found", err)
	}
	// The document after the failed one was still applied.
	config := client(t, cp.Config()).Resource(configMaps).Namespace("default")
	if _, err := config.Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestGrantDecides(t *testing.T) {
	applyWidgets(t, cp)
	list := rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{"example.com"}, Resources: []string{"widgets"}}
	config, kubeconfig, err := cp.User("grantee", "people")
	if err != nil {
		t.Fatal(err)
	}
	user := client(t, config).Resource(widgets)
	try := func(namespace string) error {
		_, err := user.Namespace(namespace).List(t.Context(), metav1.ListOptions{})
		return err
	}
	if err := try("orchard"); !apierrors.IsForbidden(err) {
		t.Errorf("before any grant: %v, want forbidden", err)
	}
	if err := cp.GrantRole(t.Context(), "orchard", "grantee", list); err != nil {
		t.Fatal(err)
	}
	if err := try("orchard"); err != nil {
		t.Error(err)
	}
	if err := try("default"); !apierrors.IsForbidden(err) {
		t.Errorf("in another namespace: %v, want forbidden", err)
	}
	for range 2 { // twice: granting again is no error
		if err := cp.Grant(t.Context(), "grantee", list); err != nil {
			t.Fatal(err)
		}
	}
	fromFile, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, fromFile).Resource(widgets).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("through the kubeconfig: %v", err)
	}
	if err := cp.Revoke(t.Context(), "grantee"); err != nil {
		t.Fatal(err)
	}
	poll(t, "the revoked grant", func(context.Context) bool { return apierrors.IsForbidden(try("orchard")) })
}

func TestTokenAuthenticates(t *testing.T) {
	applyWidgets(t, cp)
	token, err := cp.Token(t.Context(), "robots", "r2")
	if err != nil {
		t.Fatal(err)
	}
	err = cp.Grant(t.Context(), "system:serviceaccount:robots:r2",
		rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{"example.com"}, Resources: []string{"widgets"}})
	if err != nil {
		t.Fatal(err)
	}
	robot := client(t, cp.TokenConfig(token))
	if _, err := robot.Resource(widgets).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}

func TestServingCertIsTrustedThroughItsBundle(t *testing.T) {
	cert, bundle, err := cp.ServingCert("webhook")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	defer server.Close()
	config := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{CAData: bundle}}
	if status, _, err := get(t, httpClient(t, config), server.URL, nil); status != http.StatusNotFound {
		t.Errorf("status %d, %v, want 404", status, err)
	}
}

// TestRewrite: what is rewritten in etcd is what the API server has, a creation time that
// it would never accept included.
func TestRewrite(t *testing.T) {
	applyWidgets(t, cp)
	err := cp.Rewrite(t.Context(), widgets.Group+"/"+widgets.Resource+"/default/apple", func(stored []byte) ([]byte, error) {
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(stored); err != nil {
			return nil, err
		}
		o.SetCreationTimestamp(metav1.Unix(0, 0))
		return o.MarshalJSON()
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := client(t, cp.Config()).Resource(widgets).Namespace("default").Get(t.Context(), "apple", metav1.GetOptions{})
	if err != nil || o.GetCreationTimestamp().Unix() != 0 {
		t.Errorf("created at %s, %v", o.GetCreationTimestamp(), err)
	}
	if err := cp.Rewrite(t.Context(), "nothing", nil); err == nil {
		t.Error("what is not there was rewritten")
	}
}
