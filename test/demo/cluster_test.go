package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/crdwatch/crdwatch/test/defects"
)

// cluster is the demo's, by the ways that the introduction tells.
type cluster struct {
	*running
	client dynamic.Interface
}

func newCluster(t *testing.T, r *running) *cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{r, client}
}

func (c *cluster) fetch(t *testing.T, path, accept string) io.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.report+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	var body []byte
	// In the middle of the story the server is away for a moment.
	c.poll(t, 30*time.Second, "an answer of crdwatch serve", func() bool {
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err = io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK
	})
	return bytes.NewReader(body)
}

func (c *cluster) events(t *testing.T) []event {
	t.Helper()
	return decodeEvents(t, c.fetch(t, "/api/v1/events", "application/x-ndjson"))
}

type inventory struct {
	Items []struct {
		Name, State, Reason string
		ServedVersions      []string
		StorageVersion      string
	}
}

func (c *cluster) inventory(t *testing.T) inventory {
	t.Helper()
	var i inventory
	if err := json.NewDecoder(c.fetch(t, "/api/v1/resources", "application/json")).Decode(&i); err != nil {
		t.Fatal(err)
	}
	return i
}

func (c *cluster) state(t *testing.T, name string) string {
	t.Helper()
	for _, item := range c.inventory(t).Items {
		if item.Name == name {
			return item.State + " " + item.Reason
		}
	}
	return ""
}

// broken are the types that cannot be listed, and why.
var broken = map[string]string{
	"queues.demo.crdwatch.io":    "ConversionWebhookFailed",
	"jobqueues." + defects.Group: "ConversionWebhookFailed",
	"ledgers." + defects.Group:   "UndecodableObject",
}

// checkInventory: the types that cannot be listed are broken, and they alone, for the
// server and for a "crdwatch crds" in another terminal.
func (c *cluster) checkInventory(t *testing.T) {
	cmd := exec.Command(crdwatch, "crds", "-o", "json", "--kubeconfig", c.kubeconfig)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var asked inventory
	if err := json.Unmarshal(out, &asked); err != nil {
		t.Fatal(err)
	}
	for source, i := range map[string]inventory{"serve": c.inventory(t), "crds": asked} {
		for _, item := range i.Items {
			if _, ok := broken[item.Name]; ok != (item.State == "Broken") {
				t.Errorf("%s: %s is %s", source, item.Name, item.State)
			}
			if item.Name == "caches.demo.crdwatch.io" && (item.StorageVersion != "v1" || !slices.Contains(item.ServedVersions, "v1alpha1")) {
				t.Errorf("%s: caches are stored as %s, served as %v", source, item.StorageVersion, item.ServedVersions)
			}
		}
	}
}

func (c *cluster) get(t *testing.T, r ref) *unstructured.Unstructured {
	t.Helper()
	w := &writer{client: c.client}
	o, err := w.objects(r).Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// checkObjects: what one event alone does not show is really so.
func (c *cluster) checkObjects(t *testing.T) {
	backup := c.get(t, ref{sample("v1", "backups"), "shop", "nightly"})
	if backup.GetDeletionTimestamp() == nil || len(backup.GetFinalizers()) == 0 {
		t.Errorf("the backup is not stuck: deletionTimestamp %v, finalizers %v", backup.GetDeletionTimestamp(), backup.GetFinalizers())
	}
	cache := c.get(t, ref{sample("v1", "caches"), "shop", "sessions"})
	written := func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == legacyCachectl && f.APIVersion == "demo.crdwatch.io/v1alpha1"
	}
	if !slices.ContainsFunc(cache.GetManagedFields(), written) {
		t.Errorf("%s did not write v1alpha1: %v", legacyCachectl, cache.GetManagedFields())
	}
}

// pins are two that the account had: the first, and one that it got since.
func (c *cluster) pins(t *testing.T) []string {
	t.Helper()
	account := c.get(t, ref{access("v1", "accounts"), "shop", "checkout"})
	pin, _, _ := unstructured.NestedString(account.Object, "spec", "pin")
	if pin == "" {
		t.Fatal("the account has no pin")
	}
	return []string{pin, "not-for-your-eyes"}
}

func checkSecret(t *testing.T, r *running, pins []string) {
	t.Helper()
	for _, path := range []string{r.stdout, r.stderr} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, pin := range pins {
			if bytes.Contains(data, []byte(pin)) {
				t.Errorf("%s shows a pin", path)
			}
		}
	}
}
