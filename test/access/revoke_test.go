package access

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// small is a resource with one object, which is changed again and again.
type small struct {
	t      *testing.T
	crd    scribe.CRD
	object dynamic.ResourceInterface
	writes int
}

func newSmall(t *testing.T, group string) *small {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	crd := scribe.Install(t, shared, group, 1)[0]
	s := &small{t: t, crd: crd, object: client.Resource(crd.GVR()).Namespace("default")}
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(0)}}}
	o.SetGroupVersionKind(crd.GVR().GroupVersion().WithKind(crd.Kind()))
	o.SetName("one")
	if _, err := s.object.Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// write changes the object, and returns what stands in no other event.
func (s *small) write(ctx context.Context) (mark string, err error) {
	s.writes++
	mark = fmt.Sprintf("mark-%d.", s.writes)
	patch := fmt.Appendf(nil, `{"spec":{"mode":%q}}`, mark)
	_, err = s.object.Patch(ctx, "one", types.MergePatchType, patch, metav1.PatchOptions{})
	return mark, err
}

// writeSeen returns once who may read everything has seen the write.
func (s *small) writeSeen(e *endpoint, admin *http.Client) (mark string) {
	s.t.Helper()
	mark, err := s.write(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	patience.Until(s.t, "the write is reported", func() (bool, string) {
		code, body, err := e.get(s.t.Context(), admin, s.path(), asLines)
		return err == nil && bytes.Contains(body, []byte(mark)), fmt.Sprintf("%d, %v: %.300s", code, err, body)
	})
	return mark
}

func (s *small) path() string {
	return "/api/v1/objects/" + s.crd.Group + "/" + s.crd.Plural + "/default/one/events"
}

func (s *small) reading() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"list", "watch"}, APIGroups: []string{s.crd.Group}, Resources: []string{s.crd.Plural}}
}

// TestRevokedRole: what the API server no longer allows is seen by nobody who asks longer
// than access.Remembered after that, and by no stream.
func TestRevokedRole(t *testing.T) {
	const group = "revoked.example.com"
	s := newSmall(t, group)
	config, _, err := shared.User("revoked")
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.Grant(t.Context(), "revoked", s.reading()); err != nil {
		t.Fatal(err)
	}
	e := serve(t, group)
	user, admin := e.client(config), e.client(shared.Config())
	awaitCode(t, e, user, s.path(), http.StatusOK)
	stream, _, err := e.follow(t.Context(), user, "resource="+s.crd.Name())
	if err != nil {
		t.Fatal(err)
	}
	before := s.writeSeen(e, admin)
	if err := shared.Revoke(t.Context(), "revoked"); err != nil {
		t.Fatal(err)
	}
	awaitDenial(t, s, "revoked")
	<-time.After(access.Remembered)
	after := s.writeSeen(e, admin)
	if code, body, err := e.get(t.Context(), user, s.path(), asJSON); code != http.StatusForbidden || err != nil {
		t.Errorf("asking without the right: %d, %v: %.300s", code, err, body)
	}
	shown := goodbye(t, e, stream)
	if !strings.Contains(shown, before) || strings.Contains(shown, after) {
		t.Errorf("want %s and not %s in the stream\n%s", before, after, shown)
	}
}

// TestRevokedToken: a stream ends once its token is no good.
func TestRevokedToken(t *testing.T) {
	const group = "token.example.com"
	s := newSmall(t, group)
	token, err := shared.Token(t.Context(), "team", "leaver")
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.Grant(t.Context(), "system:serviceaccount:team:leaver", s.reading()); err != nil {
		t.Fatal(err)
	}
	e := serve(t, group)
	user := e.client(shared.TokenConfig(token))
	awaitCode(t, e, user, s.path(), http.StatusOK)
	stream, _, err := e.follow(t.Context(), user, "resource="+s.crd.Name())
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().ServiceAccounts("team").Delete(t.Context(), "leaver", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	awaitCode(t, e, user, s.path(), http.StatusUnauthorized)
	t.Logf("requests are refused after %.1f s", time.Since(began).Seconds())
	select {
	case all := <-stream.data:
		t.Logf("the stream ended after %.1f s", time.Since(began).Seconds())
		if _, last := lines(all); last != "denied" {
			t.Errorf("the stream ended with %q:\n%s", last, all)
		}
	case <-time.After(patience.Limit):
		t.Error("the stream goes on")
	}
}

func awaitCode(t *testing.T, e *endpoint, c *http.Client, path string, want int) {
	t.Helper()
	patience.Until(t, fmt.Sprintf("%s is answered with %d", path, want), func() (bool, string) {
		code, body, err := e.get(t.Context(), c, path, asJSON)
		return code == want, fmt.Sprintf("%d, %v: %.300s", code, err, body)
	})
}

// awaitDenial waits until the API server itself says no.
func awaitDenial(t *testing.T, s *small, user string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "list", Group: s.crd.Group, Resource: s.crd.Plural, Namespace: "default", Name: "one",
		},
	}}
	patience.Until(t, "the API server denies it", func() (bool, string) {
		answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		return err == nil && !answer.Status.Allowed, fmt.Sprintf("%+v, %v", answer, err)
	})
}

// goodbye ends the endpoint, and returns all that a stream has shown.
func goodbye(t *testing.T, e *endpoint, s *stream) string {
	t.Helper()
	e.Signal(syscall.SIGTERM)
	if code := e.Wait(15 * time.Second); code != 0 {
		t.Errorf("exit %d after SIGTERM", code)
	}
	return string(<-s.data)
}
