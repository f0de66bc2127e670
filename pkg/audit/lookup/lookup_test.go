package lookup

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/apitest"
)

func object(kind, namespace, name string) map[string]any {
	meta := map[string]any{"name": name, "uid": "uid-" + name, "labels": map[string]any{"app": name}}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return map[string]any{"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": map[string]any{"password": "hunter2"}}
}

func cluster() *apitest.Server {
	var many []map[string]any
	for i := range pageSize + 1 {
		many = append(many, object("Pod", "web", fmt.Sprintf("pod-%04d", i)))
	}
	return &apitest.Server{Types: []apitest.Type{
		{Version: "v1", Resource: "services", Kind: "Service", Namespaced: true, Objects: []map[string]any{object("Service", "web", "hook")}},
		{Version: "v1", Resource: "nodes", Kind: "Node", Objects: []map[string]any{object("Node", "", "n1")}},
		{Version: "v1", Resource: "pods", Kind: "Pod", Namespaced: true, Objects: many},
		{Version: "v1", Resource: "secrets", Kind: "Secret", Namespaced: true},
		{Group: "example.com", Version: "v2", Resource: "widgets", Kind: "Widget"},
		{Group: "example.com", Version: "v1", Resource: "gadgets", Kind: "Gadget"},
		{Group: "broken.example.com", Version: "v1", Resource: "things", Kind: "Thing"},
	}, Intercept: func(r *http.Request) *metav1.Status {
		switch {
		case strings.Contains(r.URL.Path, "/secrets"):
			return apitest.Status(http.StatusForbidden, metav1.StatusReasonForbidden, `User "eve" cannot get resource "secrets"`)
		case r.URL.Path == "/apis/broken.example.com/v1":
			return apitest.Status(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "the server is currently unable to handle the request")
		}
		return nil
	}}
}

func TestAnswers(t *testing.T) {
	l := New(cluster().Clients(t), Options{})
	l.pause = time.Millisecond
	for name, test := range map[string]struct {
		q     audit.Question
		want  audit.Outcome
		found int
		// namespaced and message are parts of the answer.
		namespaced bool
		message    string
	}{
		"by resource":                  {q: audit.Question{Resource: "services", Namespace: "web", Name: "hook"}, want: audit.Found, found: 1, namespaced: true},
		"by kind":                      {q: audit.Question{Version: "v1", Kind: "Service", Namespace: "web", Name: "hook"}, want: audit.Found, found: 1, namespaced: true},
		"whole":                        {q: audit.Question{Resource: "services", Namespace: "web", Name: "hook", Whole: true}, want: audit.Found, found: 1, namespaced: true},
		"absent":                       {q: audit.Question{Resource: "services", Namespace: "web", Name: "none"}, want: audit.Absent, namespaced: true},
		"another namespace":            {q: audit.Question{Resource: "services", Namespace: "db", Name: "hook"}, want: audit.Absent, namespaced: true},
		"namespaced, without one":      {q: audit.Question{Kind: "Service", Name: "hook"}, want: audit.Absent, namespaced: true},
		"cluster-scoped, with one":     {q: audit.Question{Kind: "Node", Namespace: "web", Name: "n1"}, want: audit.Found, found: 1},
		"no name":                      {q: audit.Question{Kind: "Node", Namespace: "web", Name: "a/b"}, want: audit.Absent},
		"by labels":                    {q: audit.Question{Resource: "pods", Namespace: "web", Selector: "app=pod-0007"}, want: audit.Found, found: 1, namespaced: true},
		"no such labels":               {q: audit.Question{Resource: "pods", Namespace: "web", Selector: "app=x"}, want: audit.Absent, namespaced: true},
		"all, in pages":                {q: audit.Question{Resource: "pods", All: true}, want: audit.Found, found: pageSize + 1, namespaced: true},
		"all, whole, of one namespace": {q: audit.Question{Resource: "pods", All: true, Namespace: "db", Whole: true}, want: audit.Absent, namespaced: true},
		"served":                       {q: audit.Question{Group: "example.com", Kind: "Widget"}, want: audit.Found},
		"not the first version":        {q: audit.Question{Group: "example.com", Kind: "Gadget"}, want: audit.Found},
		"not in this version":          {q: audit.Question{Group: "example.com", Version: "v1", Kind: "Widget"}, want: audit.NotServed},
		"no such kind":                 {q: audit.Question{Group: "example.com", Kind: "Gizmo"}, want: audit.NotServed},
		"no such version":              {q: audit.Question{Group: "example.com", Version: "v3", Kind: "Widget"}, want: audit.NotServed},
		"no such group":                {q: audit.Question{Group: "none.example.com", Kind: "Widget", Name: "x"}, want: audit.NotServed},
		"no group at all":              {q: audit.Question{Group: "a/../b", Kind: "Widget", Name: "x"}, want: audit.NotServed},
		"forbidden": {
			q: audit.Question{Resource: "secrets", Namespace: "web", Name: "s"}, namespaced: true,
			message: `reading secrets "s" in namespace web: User "eve" cannot get resource "secrets"`,
		},
		"broken group": {
			q:       audit.Question{Group: "broken.example.com", Version: "v1", Kind: "Thing", Name: "x"},
			message: "finding out whether Thing.broken.example.com in version v1 is served: the server is currently unable to handle the request",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := l.Answer(t.Context(), test.q)
			if a.Outcome != test.want || len(a.Objects) != test.found || a.Namespaced != test.namespaced || a.Message != test.message || a.Forbidden != (name == "forbidden") {
				t.Errorf("outcome %d, %d objects, namespaced %t, forbidden %t, %q", a.Outcome, len(a.Objects), a.Namespaced, a.Forbidden, a.Message)
			}
		})
	}
}

// TestObjects: metadata has the object's own kind, and what is whole is redacted.
func TestObjects(t *testing.T) {
	l := New(cluster().Clients(t), Options{})
	q := audit.Question{Kind: "Node", Name: "n1"}
	metadata := l.Answer(t.Context(), q).Objects
	q.Whole = true
	whole := l.Answer(t.Context(), q).Objects
	if len(metadata) != 1 || len(whole) != 1 {
		t.Fatalf("%v, %v", metadata, whole)
	}
	if metadata[0]["kind"] != "Node" || metadata[0]["apiVersion"] != "v1" || metadata[0]["spec"] != nil {
		t.Errorf("metadata: %v", metadata[0])
	}
	if d := cmp.Diff(map[string]any{"password": "<redacted sha256:f52fbd32>"}, whole[0]["spec"]); d != "" {
		t.Error(d)
	}
}

// TestAskedOnce: many callers at once make one request, until the answer is too old.
func TestAskedOnce(t *testing.T) {
	s := cluster()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	l := New(s.Clients(t), Options{TTL: time.Minute, Now: func() time.Time { return now }})
	ask := func() (requests int) {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if a := l.Answer(t.Context(), audit.Question{Group: "example.com", Kind: "Widget", Name: "w"}); a.Outcome != audit.Absent {
					t.Errorf("%+v", a)
				}
			})
		}
		wg.Wait()
		return len(s.Requests())
	}
	for i, want := range []int{3, 0, 3} { // group, version, object
		if got := ask(); got != want {
			t.Errorf("round %d: %d requests, want %d", i, got, want)
		}
		if i == 1 {
			now = now.Add(time.Minute)
		}
	}
	if n := len(l.answers.entries); n != 1 {
		t.Errorf("%d answers kept", n)
	}
}

// TestStopped: a caller that was stopped leaves nothing behind for others.
func TestStopped(t *testing.T) {
	l := New(cluster().Clients(t), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := audit.Question{Kind: "Node", Name: "n1"}
	if a := l.Answer(ctx, q); a.Outcome != audit.Unknown || !strings.Contains(a.Message, "canceled") {
		t.Errorf("%+v", a)
	}
	if a := l.Answer(t.Context(), q); a.Outcome != audit.Found {
		t.Errorf("%+v", a)
	}
}
