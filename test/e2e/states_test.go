package e2e

import (
	"slices"
	"strings"
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
	"github.com/crdwatch/crdwatch/test/defects"
	"github.com/crdwatch/crdwatch/test/program"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// TestForbidden: what may not be read is classified, the rest is ready, and a grant
// or its end is noticed. Nothing that happened meanwhile is lost.
func TestForbidden(t *testing.T) {
	const group = "forbidden.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	crds := scribe.Install(t, cp, group, 3)
	secret, open := crds[0], crds[1]
	readCRDs := rbacv1.PolicyRule{APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, Verbs: []string{"get", "list", "watch"}}
	some := rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{open.Plural, crds[2].Plural}, Verbs: []string{"get", "list", "watch"}}
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
	log := &program.Log{}
	e := start(t, cfg, watch.Options{Resolve: only(group), Timing: quiet, Logger: log.Logger()})
	if s := e.awaitState(secret.Name(), watch.Forbidden); s.Reason != "Forbidden" || !strings.Contains(s.Message, "auditor") {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	e.awaitState(open.Name(), watch.Synced)
	o := newObjects(t, cp, open)
	o.create("seen", 1)
	e.await("an event of another resource", func(events []watch.Event) bool { return len(events) == 1 })

	grant(all)
	e.awaitState(secret.Name(), watch.Synced)
	hidden := newObjects(t, cp, secret)
	hidden.create("now-seen", 1)
	e.await("an event of the resource", func(events []watch.Event) bool { return len(events) == 2 })
	if n := log.Count(secret.Name(), "to=Forbidden"); n != 1 {
		t.Errorf("%d log lines for one transition", n)
	}
	if n := log.Count(secret.Name(), "from=Forbidden"); n != 1 {
		t.Errorf("%d log lines for the recovery", n)
	}
}

// TestConversionWebhookDown: an object stored in another version than the one that
// is served cannot be read without the webhook, neither listed nor watched.
func TestConversionWebhookDown(t *testing.T) {
	const group = "webhook.example.com"
	c := scribe.CRD{Group: group, Plural: "frozens", Versions: []scribe.Version{{Name: "v1", Storage: true}, {Name: "v2"}}}
	healthy := scribe.Install(t, shared, group, 1)[0]
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	newObjects(t, shared, c).create("old", 1)
	broken := c
	broken.Versions = []scribe.Version{{Name: "v1", Unserved: true}, {Name: "v2", Storage: true}}
	broken.Conversion = deadWebhook()
	if err := shared.Apply(t.Context(), broken.Manifest()); err != nil {
		t.Fatal(err)
	}
	log := &program.Log{}
	began := time.Now()
	e := start(t, shared.Config(), watch.Options{Resolve: only(group), Timing: quiet, Logger: log.Logger()})
	s := e.awaitState(c.Name(), watch.Broken)
	if s.Reason != "ConversionWebhookFailed" || !strings.Contains(s.Message, "conversion webhook") {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	t.Logf("classified after %s", time.Since(began).Round(time.Millisecond))
	e.awaitState(healthy.Name(), watch.Synced)

	repaired := broken
	repaired.Conversion = scribe.Object{"strategy": "None"}
	if err := shared.Apply(t.Context(), repaired.Manifest()); err != nil {
		t.Fatal(err)
	}
	if s := e.awaitState(c.Name(), watch.Synced); s.Objects != 1 {
		t.Errorf("%d objects after the repair", s.Objects)
	}
	if n := log.Count(c.Name(), "to=Broken"); n != 1 {
		t.Errorf("%d log lines for one transition", n)
	}
}

// deadWebhook is a conversion webhook that nobody answers.
func deadWebhook() map[string]any {
	return scribe.Object{"strategy": "Webhook", "webhook": scribe.Object{
		"conversionReviewVersions": []any{"v1"},
		"clientConfig":             scribe.Object{"url": "https://127.0.0.1:1/convert"},
	}}
}

// TestUndecodableObject: an object whose version was taken out of the CRD without
// migration makes the whole resource unreadable.
func TestUndecodableObject(t *testing.T) {
	const group = "undecodable.example.com"
	c := scribe.CRD{Group: group, Plural: "corrupts", Versions: []scribe.Version{{Name: "v1", Storage: true}, {Name: "v2"}}}
	healthy := scribe.Install(t, shared, group, 1)[0]
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	newObjects(t, shared, c).create("old", 1)
	next := c
	next.Versions = []scribe.Version{{Name: "v1"}, {Name: "v2", Storage: true}}
	if err := shared.Apply(t.Context(), next.Manifest()); err != nil {
		t.Fatal(err)
	}
	trimStoredVersions(t, c.Name())
	last := c
	last.Versions = []scribe.Version{{Name: "v2", Storage: true}}
	if err := replaceVersions(t, last); err != nil {
		t.Fatal(err)
	}
	e := start(t, shared.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	s := e.awaitState(c.Name(), watch.Broken)
	if s.Reason != "UndecodableObject" {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	e.awaitState(healthy.Name(), watch.Synced)

	if err := shared.Apply(t.Context(), next.Manifest()); err != nil {
		t.Fatal(err)
	}
	e.awaitState(c.Name(), watch.Synced)
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
func replaceVersions(t testing.TB, c scribe.CRD) error {
	client := crdClient(t)
	current, err := client.Get(t.Context(), c.Name(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	var next unstructured.Unstructured
	if err := next.UnmarshalJSON(c.Manifest()); err != nil {
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

// TestNamesTaken: a CRD whose names another has is told from one that is about to be
// served, and keeps nobody from being ready. It is watched once the names are free.
func TestNamesTaken(t *testing.T) {
	all := defects.All()
	i := slices.IndexFunc(all, func(d defects.Defect) bool { return d.Rule == "CRD003" })
	if err := defects.Plant(t.Context(), shared, all[i]); err != nil {
		t.Fatal(err)
	}
	e := start(t, shared.Config(), watch.Options{Resolve: only(defects.Group), Timing: quiet})
	if s := e.awaitState(all[i].Object, watch.NotServed); s.Reason != discovery.NamesNotAccepted {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Resource(discovery.CRDs().GVR).Delete(t.Context(), "lights."+defects.Group, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.awaitState(all[i].Object, watch.Synced)
}
