package access

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/scribe"
)

const group = "access.example.com"

// world is a cluster in which some may read some of it.
type world struct {
	t       *testing.T
	random  *rand.Rand
	kube    *kubernetes.Clientset
	dynamic dynamic.Interface
	crds    []scribe.CRD
	objects []object
	users   []*user
}

// object is one custom resource. Its canaries are values that stand nowhere else.
type object struct {
	crd             int
	namespace, name string
}

// canaries are what must not be shown to whom the object is not; secrets, what must not be
// shown to anybody.
func (o object) canaries(revision int) []string {
	var all []string
	for _, place := range []string{"mode", "tag", "arg", "free", "phase", "note"} {
		all = append(all, fmt.Sprintf("canary-%s-%d-%s-%s-%d.", place, o.crd, o.namespace, o.name, revision))
	}
	return all
}

func (o object) secret(revision int) string {
	return fmt.Sprintf("secret-%d-%s-%s-%d.", o.crd, o.namespace, o.name, revision)
}

// key is how objects of one resource are told apart.
func (o object) key() string { return o.namespace + "/" + o.name }

// user is somebody with a token or a certificate.
type user struct {
	name   string // as the API server calls them
	config *rest.Config
	kube   *kubernetes.Clientset
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 5)), crds: scribe.Install(t, shared, group, *resources)}
	config := shared.Config()
	config.QPS = -1
	var err error
	if w.kube, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	if w.dynamic, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.populate()
	return w
}

// settle makes the namespaces and their objects.
func (w *world) settle() {
	for n := range *namespaces {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ns%d", n)}}
		if _, err := w.kube.CoreV1().Namespaces().Create(w.t.Context(), ns, metav1.CreateOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	for i, c := range w.crds {
		for n := range *namespaces {
			o := object{crd: i, namespace: fmt.Sprintf("ns%d", n), name: fmt.Sprintf("o%d", n)}
			if c.Cluster {
				o.namespace = ""
			}
			w.objects = append(w.objects, o)
		}
	}
	w.each(func(ctx context.Context, o object) error {
		u, err := w.client(o).Create(ctx, w.content(o, 1), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		return w.writeStatus(ctx, o, u, 1)
	})
}

// rewrite gives every object other values.
func (w *world) rewrite(revision int) {
	w.each(func(ctx context.Context, o object) error {
		old, err := w.client(o).Get(ctx, o.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		u := w.content(o, revision)
		u.SetResourceVersion(old.GetResourceVersion())
		if u, err = w.client(o).Update(ctx, u, metav1.UpdateOptions{}); err != nil {
			return err
		}
		return w.writeStatus(ctx, o, u, revision)
	})
}

// each does something with every object, some at a time.
func (w *world) each(do func(context.Context, object) error) {
	w.t.Helper()
	work := make(chan object)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for o := range work {
				if err := do(w.t.Context(), o); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	for _, o := range w.objects {
		work <- o
	}
	close(work)
	working.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
}

func (w *world) client(o object) dynamic.ResourceInterface {
	return w.dynamic.Resource(w.crds[o.crd].GVR()).Namespace(o.namespace)
}

func (w *world) content(o object, revision int) *unstructured.Unstructured {
	c := o.canaries(revision)
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"mode": c[0], "tags": []any{c[1]}, "args": []any{c[2]},
		"free": map[string]any{"canary": c[3], "password": o.secret(revision)},
	}}}
	u.SetGroupVersionKind(w.crds[o.crd].GVR().GroupVersion().WithKind(w.crds[o.crd].Kind()))
	u.SetName(o.name)
	u.SetNamespace(o.namespace)
	u.SetAnnotations(map[string]string{"example.com/note": c[5]})
	return u
}

func (w *world) writeStatus(ctx context.Context, o object, u *unstructured.Unstructured, revision int) error {
	if err := unstructured.SetNestedField(u.Object, o.canaries(revision)[4], "status", "phase"); err != nil {
		return err
	}
	_, err := w.client(o).UpdateStatus(ctx, u, metav1.UpdateOptions{})
	return err
}

// populate makes the users and what they may do. The first may do everything that is to
// be read, the second nothing.
func (w *world) populate() {
	for i := range *users {
		w.users = append(w.users, w.newUser(i))
	}
	all := rbacv1.PolicyRule{Verbs: []string{"list", "watch"}, APIGroups: []string{group}, Resources: []string{"*"}}
	w.grant(w.users[0].name, "", all)
	few, some := max(1, *resources/20), *resources*3/10
	for _, u := range w.users[2:] {
		for range 1 + w.random.IntN(3) {
			w.grant(u.name, "", w.rule(few))
		}
		for range w.random.IntN(8) {
			w.grant(u.name, fmt.Sprintf("ns%d", w.random.IntN(*namespaces)), w.rule(some))
		}
		for range w.random.IntN(8) {
			n := w.random.IntN(*namespaces)
			named := w.rule(some)
			named.ResourceNames = []string{fmt.Sprintf("o%d", n), fmt.Sprintf("o%d", n+1)}
			w.grant(u.name, []string{"", fmt.Sprintf("ns%d", n)}[w.random.IntN(2)], named)
		}
	}
}

func (w *world) newUser(i int) *user {
	w.t.Helper()
	u := &user{name: fmt.Sprintf("user%d", i)}
	var err error
	if i%2 == 1 {
		u.config, _, err = shared.User(u.name)
	} else {
		var token string
		token, err = shared.Token(w.t.Context(), "team", u.name)
		u.name, u.config = "system:serviceaccount:team:"+u.name, shared.TokenConfig(token)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	u.config.QPS = -1
	if u.kube, err = kubernetes.NewForConfig(u.config); err != nil {
		w.t.Fatal(err)
	}
	return u
}

// rule is about some resources, and one verb or both, or what does not matter.
func (w *world) rule(most int) rbacv1.PolicyRule {
	r := rbacv1.PolicyRule{APIGroups: []string{group}}
	r.Verbs = [][]string{{"list", "watch"}, {"list", "watch"}, {"list"}, {"watch"}, {"get"}}[w.random.IntN(5)]
	for range 1 + w.random.IntN(most) {
		r.Resources = append(r.Resources, w.crds[w.random.IntN(len(w.crds))].Plural)
	}
	slices.Sort(r.Resources)
	r.Resources = slices.Compact(r.Resources)
	return r
}

func (w *world) grant(name, namespace string, rule rbacv1.PolicyRule) {
	w.t.Helper()
	err := shared.Grant(w.t.Context(), name, rule)
	if namespace != "" {
		err = shared.GrantRole(w.t.Context(), namespace, name, rule)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// may is what kubectl auth can-i answers to a user.
func (w *world) may(ctx context.Context, u *user, verb string, o object) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: group, Resource: w.crds[o.crd].Plural, Namespace: o.namespace, Name: o.name,
		},
	}}
	answer, err := u.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}
