package e2e

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
)

// logbook collects log lines.
type logbook struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

// count returns the number of lines that contain all of the words.
func (l *logbook) count(words ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.lines.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	return n
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, nil))
}

// TestForbidden: what may not be read is classified, the rest is ready, and a grant
// or its end is noticed. Nothing that happened meanwhile is lost.
func TestForbidden(t *testing.T) {
	const group = "forbidden.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	crds := install(t, cp, group, 3)
	secret, open := crds[0], crds[1]
	readCRDs := rbacv1.PolicyRule{APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, Verbs: []string{"get", "list", "watch"}}
	some := rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{open.plural, crds[2].plural}, Verbs: []string{"get", "list", "watch"}}
	all := some
	all.Resources = []string{"*"}
	grant := func(rules ...rbacv1.PolicyRule) {
		t.Helper()
		if err := cp.Revoke(t.Context(), "auditor"); err != nil {
			t.Fatal(err)
		}
		if err := cp.Grant(t.Context(), "auditor", append(rules, readCRDs)...); err != nil {
			t.Fatal(err)
		}
	}
	grant(some)
	cfg, _, err := cp.User("auditor")
	if err != nil {
		t.Fatal(err)
	}
	log := &logbook{}
	e := start(t, cfg, watch.Options{Resolve: only(group), Timing: quiet, Logger: log.logger()})
	if s := e.awaitState(secret.name(), watch.Forbidden); s.Reason != "Forbidden" || !strings.Contains(s.Message, "auditor") {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	e.awaitState(open.name(), watch.Synced)
	o := newObjects(t, cp, open)
	o.create("seen", 1)
	e.await("an event of another resource", func(events []watch.Event) bool { return len(events) == 1 })

	grant(all)
	e.awaitState(secret.name(), watch.Synced)
	hidden := newObjects(t, cp, secret)
	hidden.create("now-seen", 1)
	e.await("an event of the resource", func(events []watch.Event) bool { return len(events) == 2 })
	if n := log.count(secret.name(), "to=Forbidden"); n != 1 {
		t.Errorf("%d log lines for one transition", n)
	}
	if n := log.count(secret.name(), "from=Forbidden"); n != 1 {
		t.Errorf("%d log lines for the recovery", n)
	}
}

// TestConversionWebhookDown: an object stored in another version than the one that
// is served cannot be read without the webhook, neither listed nor watched.
func TestConversionWebhookDown(t *testing.T) {
	const group = "webhook.example.com"
	c := crd{group: group, plural: "frozens", versions: []version{{name: "v1", storage: true}, {name: "v2"}}}
	healthy := install(t, shared, group, 1)[0]
	if err := shared.Apply(t.Context(), c.manifest()); err != nil {
		t.Fatal(err)
	}
	newObjects(t, shared, c).create("old", 1)
	broken := c
	broken.versions = []version{{name: "v1", unserved: true}, {name: "v2", storage: true}}
	broken.conversion = deadWebhook()
	if err := shared.Apply(t.Context(), broken.manifest()); err != nil {
		t.Fatal(err)
	}
	log := &logbook{}
	began := time.Now()
	e := start(t, shared.Config(), watch.Options{Resolve: only(group), Timing: quiet, Logger: log.logger()})
	s := e.awaitState(c.name(), watch.Broken)
	if s.Reason != "ConversionWebhookFailed" || !strings.Contains(s.Message, "conversion webhook") {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	t.Logf("classified after %s", time.Since(began).Round(time.Millisecond))
	e.awaitState(healthy.name(), watch.Synced)

	repaired := broken
	repaired.conversion = object{"strategy": "None"}
	if err := shared.Apply(t.Context(), repaired.manifest()); err != nil {
		t.Fatal(err)
	}
	if s := e.awaitState(c.name(), watch.Synced); s.Objects != 1 {
		t.Errorf("%d objects after the repair", s.Objects)
	}
	if n := log.count(c.name(), "to=Broken"); n != 1 {
		t.Errorf("%d log lines for one transition", n)
	}
}

// deadWebhook is a conversion webhook that nobody answers.
func deadWebhook() map[string]any {
	return object{"strategy": "Webhook", "webhook": object{
		"conversionReviewVersions": []any{"v1"},
		"clientConfig":             object{"url": "https://127.0.0.1:1/convert"},
	}}
}

// TestUndecodableObject: an object whose version was taken out of the CRD without
// migration makes the whole resource unreadable.
func TestUndecodableObject(t *testing.T) {
	const group = "undecodable.example.com"
	c := crd{group: group, plural: "corrupts", versions: []version{{name: "v1", storage: true}, {name: "v2"}}}
	healthy := install(t, shared, group, 1)[0]
	if err := shared.Apply(t.Context(), c.manifest()); err != nil {
		t.Fatal(err)
	}
	newObjects(t, shared, c).create("old", 1)
	next := c
	next.versions = []version{{name: "v1"}, {name: "v2", storage: true}}
	if err := shared.Apply(t.Context(), next.manifest()); err != nil {
		t.Fatal(err)
	}
	trimStoredVersions(t, c.name())
	last := c
	last.versions = []version{{name: "v2", storage: true}}
	if err := replaceVersions(t, last); err != nil {
		t.Fatal(err)
	}
	e := start(t, shared.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	s := e.awaitState(c.name(), watch.Broken)
	if s.Reason != "UndecodableObject" {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	e.awaitState(healthy.name(), watch.Synced)

	if err := shared.Apply(t.Context(), next.manifest()); err != nil {
		t.Fatal(err)
	}
	e.awaitState(c.name(), watch.Synced)
}

func crdClient(t testing.TB) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client.Resource(discovery.CRDs().GVR)
}

// trimStoredVersions does by hand what only a migration may do.
func trimStoredVersions(t testing.TB, name string) {
	t.Helper()
	patch := []byte(`{"status":{"storedVersions":["v2"]}}`)
	_, err := crdClient(t).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
}

// replaceVersions updates a CRD whole: server-side apply would keep nothing else.
func replaceVersions(t testing.TB, c crd) error {
	client := crdClient(t)
	current, err := client.Get(t.Context(), c.name(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	var next unstructured.Unstructured
	if err := next.UnmarshalJSON(c.manifest()); err != nil {
		return err
	}
	current.Object["spec"] = next.Object["spec"]
	_, err = client.Update(t.Context(), current, metav1.UpdateOptions{})
	return err
}

func deleteCRD(t testing.TB, name string) {
	t.Helper()
	if err := crdClient(t).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}
