package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/test/patience"
)

// matrix is what every user may list and watch: by user, verb and resource the objects.
type matrix map[string]map[string]bool

func cell(u *user, verb, resource string) string { return u.name + " " + verb + " " + resource }

// ask has the API server answer for every user and every object.
func (w *world) ask() matrix {
	w.t.Helper()
	m := matrix{}
	var mu sync.Mutex
	for _, u := range w.users {
		w.each(func(ctx context.Context, o object) error {
			for _, verb := range []string{"list", "watch"} {
				allowed, err := w.may(ctx, u, verb, o)
				if err != nil {
					return err
				}
				at := cell(u, verb, w.crds[o.crd].Name())
				mu.Lock()
				if m[at] == nil {
					m[at] = map[string]bool{}
				}
				if allowed {
					m[at][o.key()] = true
				}
				mu.Unlock()
			}
			return nil
		})
	}
	return m
}

var canary = regexp.MustCompile(`canary-[a-z]+-(\d+)-(ns\d+)?-(o\d+)-\d\.`)

// foreign are the canaries in an answer of objects that are not among those allowed.
func foreign(answer []byte, crd int, allowed map[string]bool) []string {
	var found []string
	for _, m := range canary.FindAllSubmatch(answer, -1) {
		if string(m[1]) != fmt.Sprint(crd) || !allowed[string(m[2])+"/"+string(m[3])] {
			found = append(found, string(m[0]))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// following are the live streams of a user on one resource.
type following struct {
	user *user
	crd  int
	code int
	*stream
}

// TestMatrix: what the endpoint shows to each user, of each resource, in each namespace,
// is what kubectl auth can-i says that they may list, or watch; and no value of anything
// else is in any byte of an answer.
func TestMatrix(t *testing.T) {
	w := newWorld(t, 1)
	e := serve(t, group)
	clients := map[*user]*http.Client{}
	for _, u := range w.users {
		clients[u] = e.client(u.config)
	}
	want := w.ask()
	w.report(want)
	streams := w.followAll(e, clients)
	w.rewrite(2)
	w.awaitAll(e, clients[w.users[0]])
	for _, u := range w.users {
		t.Run(u.name[strings.LastIndex(u.name, ":")+1:], func(t *testing.T) {
			w.checkEvents(t, e, clients[u], u, want)
			w.checkInventory(t, e, clients[u], u)
			w.checkNamespaces(t, e, clients[u], u)
			w.checkFindings(t, e, clients[u], u, want)
			w.checkMetrics(t, e, clients[u])
		})
	}
	e.Signal(syscall.SIGTERM)
	for _, f := range streams {
		w.checkStream(f, want)
	}
	if code := e.Wait(15 * time.Second); code != 0 {
		t.Errorf("exit %d", code)
	}
	w.checkSecrets(e)
}

// report says how the world is made: a matrix of noes would prove nothing.
func (w *world) report(m matrix) {
	w.t.Helper()
	yes := 0
	for _, allowed := range m {
		yes += len(allowed)
	}
	all := 2 * *users * len(w.objects)
	w.t.Logf("%d users, %d resources, %d namespaces, %d objects: %d of %d answers are yes", *users, *resources, *namespaces, len(w.objects), yes, all)
	if yes < all/50 || yes > all/2 {
		w.t.Errorf("that is no fair mixture")
	}
}

// followAll opens streams of some resources for each user.
func (w *world) followAll(e *endpoint, clients map[*user]*http.Client) []*following {
	w.t.Helper()
	var all []*following
	for _, u := range w.users {
		for _, i := range w.random.Perm(len(w.crds))[:8] {
			s, code, err := e.follow(w.t.Context(), clients[u], "resource="+w.crds[i].Name())
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, &following{u, i, code, s})
		}
	}
	return all
}

// awaitAll waits until the last writes are in the history.
func (w *world) awaitAll(e *endpoint, admin *http.Client) {
	w.t.Helper()
	patience.Until(w.t, "all writes are in the history", func() (bool, string) {
		missing := 0
		for i, c := range w.crds {
			_, body, err := e.get(w.t.Context(), admin, "/api/v1/events?resource="+c.Name(), asLines)
			if err != nil {
				return false, err.Error()
			}
			for _, o := range w.objects {
				if o.crd == i && !bytes.Contains(body, []byte(o.canaries(2)[4])) {
					missing++
				}
			}
			if missing > 0 {
				return false, fmt.Sprintf("%d of %s missing", missing, c.Name())
			}
		}
		return true, ""
	})
}

func (w *world) checkEvents(t *testing.T, e *endpoint, c *http.Client, u *user, want matrix) {
	t.Helper()
	for i, crd := range w.crds {
		code, body, err := e.get(t.Context(), c, "/api/v1/events?type=MODIFIED&resource="+crd.Name(), asLines)
		if err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d, %v: %.300s", crd.Name(), code, err, body)
		}
		got, err := keys(body)
		if err != nil {
			t.Fatal(err)
		}
		allowed := want[cell(u, "list", crd.Name())]
		if d := cmp.Diff(allowed, got); d != "" {
			t.Errorf("events of %s:\n%s", crd.Name(), d)
		}
		if f := foreign(body, i, allowed); len(f) > 0 {
			t.Errorf("events of %s show %q", crd.Name(), f)
		}
	}
}

// checkInventory counts what a user may list in whole namespaces: names open no
// inventory.
func (w *world) checkInventory(t *testing.T, e *endpoint, c *http.Client, u *user) {
	t.Helper()
	want := map[string]int{}
	for i, crd := range w.crds {
		within := 0
		for n := range *namespaces {
			o := object{crd: i, namespace: fmt.Sprintf("ns%d", n)}
			if crd.Cluster {
				o.namespace = ""
			}
			allowed, err := w.may(t.Context(), u, "list", o)
			if err != nil {
				t.Fatal(err)
			}
			if allowed {
				within++
			}
		}
		if within > 0 {
			want[crd.Name()] = within
		}
	}
	code, body, err := e.get(t.Context(), c, "/api/v1/resources", asJSON)
	var list struct {
		Items []struct {
			Name    string
			Objects int
		}
	}
	if err != nil || code != http.StatusOK || json.Unmarshal(body, &list) != nil {
		t.Fatalf("%d, %v: %.300s", code, err, body)
	}
	got := map[string]int{}
	for _, item := range list.Items {
		got[item.Name] = item.Objects
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("inventory:\n%s", d)
	}
}

// checkNamespaces: whoever may not list a namespace is refused, and no one else.
func (w *world) checkNamespaces(t *testing.T, e *endpoint, c *http.Client, u *user) {
	t.Helper()
	for range 100 {
		o := w.objects[w.random.IntN(len(w.objects))]
		crd := w.crds[o.crd]
		if crd.Cluster {
			continue
		}
		allowed, err := w.may(t.Context(), u, "list", object{crd: o.crd, namespace: o.namespace})
		if err != nil {
			t.Fatal(err)
		}
		code, body, err := e.get(t.Context(), c, fmt.Sprintf("/api/v1/events?limit=1&resource=%s&namespace=%s", crd.Name(), o.namespace), asJSON)
		if err != nil || allowed && code != http.StatusOK || !allowed && code != http.StatusForbidden {
			t.Errorf("%s in %s: %d, %v: %.300s; can-i says %t", crd.Name(), o.namespace, code, err, body, allowed)
		}
		if f := foreign(body, o.crd, map[string]bool{o.key(): allowed}); !allowed && len(f) > 0 {
			t.Errorf("the error shows %q", f)
		}
		allowed, err = w.may(t.Context(), u, "list", o)
		if err != nil {
			t.Fatal(err)
		}
		code, body, err = e.get(t.Context(), c, fmt.Sprintf("/api/v1/objects/%s/%s/%s/%s/events", group, crd.Plural, o.namespace, o.name), asJSON)
		if err != nil || allowed && code != http.StatusOK || !allowed && code != http.StatusForbidden {
			t.Errorf("%s %s: %d, %v: %.300s; can-i says %t", crd.Name(), o.key(), code, err, body, allowed)
		}
	}
}

func (w *world) checkFindings(t *testing.T, e *endpoint, c *http.Client, u *user, want matrix) {
	t.Helper()
	for i, crd := range w.crds {
		code, body, err := e.get(t.Context(), c, "/api/v1/findings?rule=CR008&resource="+crd.Name(), asJSON)
		var list struct {
			Items []struct {
				Subject struct{ Namespace, Name string }
			}
		}
		if err != nil || code != http.StatusOK || json.Unmarshal(body, &list) != nil {
			t.Fatalf("%d, %v: %.300s", code, err, body)
		}
		got := map[string]bool{}
		for _, f := range list.Items {
			got[f.Subject.Namespace+"/"+f.Subject.Name] = true
		}
		allowed := want[cell(u, "list", crd.Name())]
		if d := cmp.Diff(allowed, got); d != "" {
			t.Errorf("findings of %s:\n%s", crd.Name(), d)
		}
		if f := foreign(body, i, allowed); len(f) > 0 {
			t.Errorf("findings of %s show %q", crd.Name(), f)
		}
	}
}

// checkMetrics: nobody here may get them, but the admin.
func (w *world) checkMetrics(t *testing.T, e *endpoint, c *http.Client) {
	t.Helper()
	if code, body, err := e.get(t.Context(), c, "/metrics", asJSON); code != http.StatusForbidden || err != nil {
		t.Errorf("metrics: %d, %v: %.200s", code, err, body)
	}
	code, body, err := e.get(t.Context(), e.client(shared.Config()), "/metrics", "*/*")
	if code != http.StatusOK || err != nil || !bytes.Contains(body, []byte("crdwatch_objects{")) {
		t.Errorf("metrics for the admin: %d, %v: %.200s", code, err, body)
	}
	if found := canary.Find(body); found != nil {
		t.Errorf("the metrics show %q", found)
	}
}

// checkStream looks at all that a stream has shown to its end.
func (w *world) checkStream(f *following, want matrix) {
	w.t.Helper()
	crd := w.crds[f.crd]
	allowed := want[cell(f.user, "watch", crd.Name())]
	if f.code != http.StatusOK {
		w.t.Errorf("%s is refused a stream of %s: %d", f.user.name, crd.Name(), f.code)
		return
	}
	all := <-f.data
	events, last := lines(all)
	if last != "shutdown" {
		w.t.Errorf("a stream of %s ended with %q", crd.Name(), last)
	}
	got, err := keys(events)
	if err != nil {
		w.t.Fatal(err)
	}
	if d := cmp.Diff(allowed, got); d != "" {
		w.t.Errorf("the stream of %s to %s:\n%s", crd.Name(), f.user.name, d)
	}
	if found := foreign(all, f.crd, allowed); len(found) > 0 {
		w.t.Errorf("the stream of %s to %s shows %q", crd.Name(), f.user.name, found)
	}
}

// checkSecrets: what is redacted is nowhere, and the log has nothing of any object.
func (w *world) checkSecrets(e *endpoint) {
	w.t.Helper()
	log, disk := []byte(e.Stderr.String()), e.onDisk()
	if found := canary.Find(log); found != nil {
		w.t.Errorf("the log shows %q", found)
	}
	if !bytes.Contains(disk, []byte("canary-")) {
		w.t.Error("nothing of any object is on the disk: this test looks in the wrong place")
	}
	for _, o := range w.objects {
		for revision := range 2 {
			secret := []byte(o.secret(revision + 1))
			if bytes.Contains(disk, secret) || bytes.Contains(log, secret) {
				w.t.Errorf("%s was kept", secret)
			}
		}
	}
}
