package deploy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
)

// endpointName is what the certificate of the report endpoint is made for, in the namespace
// that everything here is in.
const endpointName = "crdwatch.audit.svc"

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: first, namespace: default}
`

// testAccount runs crdwatch serve with the token of the chart's account.
func (c *cluster) testAccount(t *testing.T) {
	p := c.grant(t)
	token := c.token(t, "crdwatch")
	s := c.serve(t, p, token)
	s.requireSynced(t, c)
	c.requireLeast(t, token)
	s.Signal(os.Interrupt)
	if code := s.Wait(patience.Limit); code != 0 {
		t.Errorf("crdwatch serve ends with %d: %s", code, s.Stderr)
	}
}

// grant applies the chart with what crdwatch rbac prints about the widgets, and returns its
// pod. Prometheus gets an account, too: crdwatch-metrics. Resources may be granted that are
// not there yet.
func (c *cluster) grant(t *testing.T, others ...schema.GroupResource) *corev1.PodTemplateSpec {
	t.Helper()
	if err := c.Apply(t.Context(), []byte(widgetCRD)); err != nil {
		t.Fatal(err)
	}
	role, code := program.Start(t, c.Kubeconfig(), "rbac", "--group", "*.example.com").Rest()
	if code != 0 {
		t.Fatalf("crdwatch rbac ends with %d", code)
	}
	selected, rules := []any{"*.example.com"}, []any{}
	for _, r := range others {
		selected = append(selected, r.String())
		rules = append(rules, map[string]any{"apiGroups": []any{r.Group}, "resources": []any{r.Resource}, "verbs": []any{"get", "list", "watch"}})
	}
	manifests := render(t, map[string]any{
		"rbac":      map[string]any{"clusterRole": role, "rules": rules},
		"selection": map[string]any{"groups": selected},
		"metrics":   map[string]any{"serviceMonitor": map[string]any{"enabled": true}},
	})
	for _, m := range manifests {
		c.require(m)
	}
	return pod(t, typed(t, manifests))
}

// token is one for an account of the chart's.
func (c *cluster) token(t *testing.T, account string) string {
	t.Helper()
	token, err := c.Token(t.Context(), "audit", account)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// served is a running crdwatch serve.
type served struct {
	*program.Program
	url string
	// bundle verifies its certificate.
	bundle []byte
	client *http.Client
}

// serve runs crdwatch with the flags of a pod, and without its volumes and environment.
func (c *cluster) serve(t *testing.T, p *corev1.PodTemplateSpec, token string) *served {
	t.Helper()
	files, data := t.TempDir(), t.TempDir()
	bundle, err := c.ServingFiles(files, endpointName)
	if err != nil {
		t.Fatal(err)
	}
	config := c.TokenConfig(token)
	ca := filepath.Join(files, "api-server.crt")
	if err := os.WriteFile(ca, config.CAData, 0o600); err != nil {
		t.Fatal(err)
	}
	args := onThisMachine(p)
	for i := range args {
		args[i] = strings.NewReplacer("/etc/crdwatch/tls", files, dataDir, data).Replace(args[i])
	}
	args = append(args, "--server", config.Host, "--token", token, "--certificate-authority", ca)
	return newServed(t, program.Start(t, filepath.Join(files, "no-kubeconfig"), args...), bundle)
}

// onThisMachine are the flags of a pod, with addresses that are free.
func onThisMachine(p *corev1.PodTemplateSpec) []string {
	args := slices.Clone(p.Spec.Containers[0].Args)
	for i := range args {
		args[i] = strings.NewReplacer("=:8443", "=127.0.0.1:0", "=:8081", "=127.0.0.1:0").Replace(args[i])
	}
	return args
}

// newServed waits until it is ready.
func newServed(t *testing.T, p *program.Program, bundle []byte) *served {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bundle)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	s := &served{Program: p, bundle: bundle, client: &http.Client{Transport: transport}}
	s.url, _ = s.AwaitReady()
	return s
}

func (s *served) get(ctx context.Context, url, token string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// requireSynced wants the widgets to be watched, and the account for Prometheus to get the
// metrics and nothing else.
func (s *served) requireSynced(t *testing.T, c *cluster) {
	t.Helper()
	scraper := c.token(t, "crdwatch-metrics")
	code, body, err := s.get(t.Context(), s.url+"/metrics", scraper)
	if err != nil || code != http.StatusOK || !strings.Contains(string(body), `crdwatch_objects{group="example.com",resource="widgets"} 1`) {
		t.Errorf("/metrics: %d %v\n%s", code, err, body)
	}
	if code, _, err := s.get(t.Context(), s.url+"/metrics", ""); err != nil || code != http.StatusUnauthorized {
		t.Errorf("/metrics without a token: %d %v", code, err)
	}
	code, body, err = s.get(t.Context(), s.url+"/api/v1/resources", scraper)
	var list struct{ Items []any }
	if err != nil || code != http.StatusOK || json.Unmarshal(body, &list) != nil || len(list.Items) != 0 {
		t.Errorf("/api/v1/resources: %d %v %s", code, err, body)
	}
}

// requireLeast tries what the account may do, and much that it must not.
func (c *cluster) requireLeast(t *testing.T, token string) {
	t.Helper()
	client := dynamic.NewForConfigOrDie(c.TokenConfig(token))
	widgets := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
	if _, err := client.Resource(widgets).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("listing widgets: %v", err)
	}
	forbidden := func(what string, err error) {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: got %v, want Forbidden", what, err)
		}
	}
	forbidden("deleting a widget", client.Resource(widgets).Namespace("default").Delete(t.Context(), "first", metav1.DeleteOptions{}))
	_, err := client.Resource(widgets).Namespace("default").Patch(t.Context(), "first", "application/merge-patch+json", []byte(`{}`), metav1.PatchOptions{})
	forbidden("patching a widget", err)
	// What every service account may read is not the chart's doing.
	others := dynamic.NewForConfigOrDie(c.TokenConfig(c.token(t, "nobody")))
	for _, r := range c.everything(t) {
		_, err := client.Resource(r).List(t.Context(), metav1.ListOptions{Limit: 1})
		if mayList[r.GroupResource().String()] {
			if err != nil {
				t.Errorf("listing %s: %v", r, err)
			}
			continue
		}
		if _, without := others.Resource(r).List(t.Context(), metav1.ListOptions{Limit: 1}); without != nil {
			forbidden("listing "+r.String(), err)
		}
	}
}

// mayList is all that is granted.
var mayList = map[string]bool{
	"widgets.example.com": true, "customresourcedefinitions.apiextensions.k8s.io": true,
	"endpointslices.discovery.k8s.io": true, "storageversionmigrations.storagemigration.k8s.io": true,
}

// everything is what can be listed in the cluster.
func (c *cluster) everything(t *testing.T) []schema.GroupVersionResource {
	t.Helper()
	_, lists, err := c.kube.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var all []schema.GroupVersionResource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.APIResources {
			if strings.Contains(strings.Join(r.Verbs, " "), "list") {
				all = append(all, gv.WithResource(r.Name))
			}
		}
	}
	return all
}
