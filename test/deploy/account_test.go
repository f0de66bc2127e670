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
	"regexp"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
)

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

var listening = regexp.MustCompile(`report: (\S+)  probes: (\S+)`)

// testAccount runs crdwatch rbac, gives the chart what it printed, and runs crdwatch serve
// with the token of the chart's account.
func (c *cluster) testAccount(t *testing.T) {
	if err := c.Apply(t.Context(), []byte(widgetCRD)); err != nil {
		t.Fatal(err)
	}
	role, code := program.Start(t, c.Kubeconfig(), "rbac", "--group", "*.example.com").Rest()
	if code != 0 {
		t.Fatalf("crdwatch rbac ends with %d", code)
	}
	manifests := render(t, map[string]any{
		"rbac":      map[string]any{"clusterRole": role},
		"selection": map[string]any{"groups": []any{"*.example.com"}},
	})
	for _, m := range manifests {
		c.require(m)
	}
	token, err := c.Token(t.Context(), "audit", "crdwatch")
	if err != nil {
		t.Fatal(err)
	}
	s := c.serve(t, serveArgs(pod(t, typed(t, manifests)), t.TempDir(), t.TempDir()), token)
	s.requireSynced(t, c)
	c.requireLeast(t, token)
	s.Signal(os.Interrupt)
	if code := s.Wait(patience.Limit); code != 0 {
		t.Errorf("crdwatch serve ends with %d: %s", code, s.Stderr)
	}
}

// served is a running crdwatch serve.
type served struct {
	*program.Program
	url    string
	client *http.Client
}

func (c *cluster) serve(t *testing.T, args []string, token string) *served {
	t.Helper()
	var files string
	for _, a := range args {
		if path, ok := strings.CutPrefix(a, "--tls-cert-file="); ok {
			files = filepath.Dir(path)
		}
	}
	bundle, err := c.ServingFiles(files, "crdwatch")
	if err != nil {
		t.Fatal(err)
	}
	config := c.TokenConfig(token)
	ca := filepath.Join(files, "api-server.crt")
	if err := os.WriteFile(ca, config.CAData, 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(files, "no-kubeconfig")
	p := program.Start(t, none, append(args, "--server", config.Host, "--token", token, "--certificate-authority", ca)...)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bundle)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	s := &served{Program: p, client: &http.Client{Transport: transport}}
	patience.Until(t, "crdwatch is ready", func() (bool, string) {
		found := listening.FindStringSubmatch(p.Stderr.String())
		if found == nil {
			return false, p.Stderr.String()
		}
		s.url = found[1]
		code, body, err := s.get(t.Context(), found[2]+"/readyz?verbose", "")
		return err == nil && code == http.StatusOK, string(body)
	})
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
	scraper, err := c.Token(t.Context(), "audit", "crdwatch-watcher-metrics")
	if err != nil {
		t.Fatal(err)
	}
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
	nobody, err := c.Token(t.Context(), "audit", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	others := dynamic.NewForConfigOrDie(c.TokenConfig(nobody))
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
