package controlplane_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

const widgetsPath = "/apis/example.com/v1/widgets"

// widgetWatches matches what startWatch starts.
var widgetWatches = controlplane.Watches("widgets.example.com")

// newProxy returns a proxy to the shared control plane, with widgets behind it.
func newProxy(t *testing.T) *controlplane.Proxy {
	t.Helper()
	applyWidgets(t, cp)
	p, err := cp.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing proxy: %v", err)
		}
	})
	return p
}

// watchThrough returns a watch from now on, through the proxy.
func watchThrough(t *testing.T, p *controlplane.Proxy) *rawWatch {
	t.Helper()
	version := setSize(t, client(t, cp.Config()), 0).GetResourceVersion()
	return startWatch(t, p.Config(), version)
}

func TestProxyKeepsTheCallersIdentity(t *testing.T) {
	p := newProxy(t)
	list := rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{"example.com"}, Resources: []string{"widgets"}}
	if err := cp.Grant(t.Context(), "alice", list); err != nil {
		t.Fatal(err)
	}
	if err := cp.Grant(t.Context(), "system:serviceaccount:robots:c3po", list); err != nil {
		t.Fatal(err)
	}
	token, err := cp.Token(t.Context(), "robots", "c3po")
	if err != nil {
		t.Fatal(err)
	}
	alice, _, err := p.User("alice")
	if err != nil {
		t.Fatal(err)
	}
	bob, _, err := p.User("bob")
	if err != nil {
		t.Fatal(err)
	}
	forged := http.Header{"X-Remote-User": {"alice"}, "X-Remote-Group": {"system:masters"}}
	for name, test := range map[string]struct {
		client *http.Client
		header http.Header
		want   int
	}{
		"granted user":           {httpClient(t, alice), nil, 200},
		"other user":             {httpClient(t, bob), nil, 403},
		"other user who forges":  {httpClient(t, bob), forged, 403},
		"group of the admin":     {httpClient(t, p.Config()), nil, 200},
		"granted token":          {httpClient(t, p.TokenConfig(token)), nil, 200},
		"wrong token":            {httpClient(t, p.TokenConfig("wrong")), nil, 401},
		"nobody":                 {httpClient(t, p.TokenConfig("")), nil, 403},
		"nobody who forges":      {httpClient(t, p.TokenConfig("")), forged, 403},
		"admin impersonates bob": {httpClient(t, p.Config()), http.Header{"Impersonate-User": {"bob"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, err := get(t, test.client, p.URL()+widgetsPath, test.header)
			if err != nil || status != test.want {
				t.Errorf("status %d (%v), want %d: %s", status, err, test.want, body)
			}
		})
	}
}

func TestProxyWithoutFaultIsTransparent(t *testing.T) {
	p := newProxy(t)
	w := watchThrough(t, p)
	if w.proto != 2 {
		t.Errorf("HTTP/%d, want HTTP/2", w.proto)
	}
	setSize(t, client(t, cp.Config()), 7)
	w.size(7)

	direct, want, err := get(t, httpClient(t, cp.Config()), cp.Config().Host+widgetsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	through, got, err := get(t, httpClient(t, p.Config()), p.URL()+widgetsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	if direct != through || want != got {
		t.Errorf("through the proxy: %d %s\ndirect: %d %s", through, got, direct, want)
	}
	stats := p.Stats()
	if stats.Count("watch") != 1 || stats.Requests[controlplane.RequestKey{Verb: "list", Path: widgetsPath}] != 1 {
		t.Errorf("requests %v, want one watch and one list", stats.Requests)
	}
	if stats.Accepted != 2 || stats.Open != 2 {
		t.Errorf("%d connections accepted, %d open, want 2 and 2", stats.Accepted, stats.Open)
	}
	if stats.Bytes[widgetsPath] <= int64(len(got)) {
		t.Errorf("%d bytes, want more than the list's %d", stats.Bytes[widgetsPath], len(got))
	}
}

func TestFaultsEndRunningWatches(t *testing.T) {
	for name, test := range map[string]struct {
		fault controlplane.Fault
		check func(t *testing.T, w *rawWatch)
	}{
		"Cut": {controlplane.Cut(), func(t *testing.T, w *rawWatch) {
			if l := w.end(); errors.Is(l.err, io.EOF) || l.text != "" {
				t.Errorf("ended with %q, %v, want an error other than EOF", l.text, l.err)
			}
		}},
		"End": {controlplane.End(), func(t *testing.T, w *rawWatch) {
			if l := w.end(); !errors.Is(l.err, io.EOF) || l.text != "" {
				t.Errorf("ended with %q, %v, want a clean EOF", l.text, l.err)
			}
		}},
		"Truncate": {controlplane.Truncate(), func(t *testing.T, w *rawWatch) {
			setSize(t, client(t, cp.Config()), 9)
			l := w.end()
			if errors.Is(l.err, io.EOF) || l.text == "" || json.Valid([]byte(l.text)) {
				t.Errorf("ended with %q, %v, want half an object and an error", l.text, l.err)
			}
		}},
		"ErrorEvent": {
			controlplane.ErrorEvent(410, metav1.StatusReasonExpired, "too old"),
			func(t *testing.T, w *rawWatch) {
				if e := w.next(); e.Type != "ERROR" || e.Object.Code != 410 {
					t.Errorf("event %+v, want an ERROR with 410", e)
				}
				if l := w.end(); !errors.Is(l.err, io.EOF) || l.text != "" {
					t.Errorf("ended with %q, %v, want a clean EOF", l.text, l.err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t)
			w := watchThrough(t, p)
			setSize(t, client(t, cp.Config()), 5)
			w.size(5)
			if rule := p.Now(test.fault, widgetWatches); rule.Hits() != 1 {
				t.Errorf("%d hits, want 1", rule.Hits())
			}
			test.check(t, w)
			// Now is not later.
			again := watchThrough(t, p)
			setSize(t, client(t, cp.Config()), 6)
			again.size(6)
		})
	}
}

func TestFaultsMeetNewRequests(t *testing.T) {
	status := controlplane.RespondStatus(429, metav1.StatusReasonTooManyRequests, "slow down", time.Second)
	for name, test := range map[string]struct {
		fault controlplane.Fault
		want  func(status int, body string, err error) bool
	}{
		"Cut":      {controlplane.Cut(), func(_ int, _ string, err error) bool { return err != nil }},
		"Truncate": {controlplane.Truncate(), func(_ int, body string, err error) bool { return err != nil && body != "" }},
		"Stall": {controlplane.Stall(), func(_ int, _ string, err error) bool {
			return errors.Is(err, context.DeadlineExceeded)
		}},
		"429": {status, func(status int, body string, err error) bool { return err == nil && status == 429 }},
		"410": {controlplane.Expired(), func(status int, body string, err error) bool {
			return status == 410 && strings.Contains(body, `"reason":"Expired"`)
		}},
		"500 without a Status": {controlplane.Respond(500, nil, []byte("oops")), func(status int, body string, _ error) bool {
			return status == 500 && body == "oops"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t)
			rule := p.Next(1, test.fault, controlplane.Lists("widgets.example.com"))
			c := httpClient(t, p.Config())
			if code, body, err := get(t, c, p.URL()+"/version", nil); code != 200 {
				t.Errorf("another request: %d %s, %v", code, body, err)
			}
			if code, body, err := get(t, c, p.URL()+widgetsPath, nil); !test.want(code, body, err) {
				t.Errorf("first request: %d %q, %v", code, body, err)
			}
			if code, body, err := get(t, c, p.URL()+widgetsPath, nil); code != 200 {
				t.Errorf("second request: %d %s, %v", code, body, err)
			}
			if rule.Hits() != 1 {
				t.Errorf("%d hits, want 1", rule.Hits())
			}
		})
	}
}

func TestAlwaysLastsUntilCleared(t *testing.T) {
	p := newProxy(t)
	c := httpClient(t, p.Config())
	rule := p.Always(controlplane.Expired(), controlplane.Path(widgetsPath))
	for range 3 {
		if code, _, err := get(t, c, p.URL()+widgetsPath, nil); code != 410 {
			t.Fatalf("%d, %v, want 410", code, err)
		}
	}
	rule.Clear()
	rule.Clear()
	if code, _, err := get(t, c, p.URL()+widgetsPath, nil); code != 200 {
		t.Errorf("after Clear: %d, %v", code, err)
	}
}

func TestStallHoldsBackAndReleases(t *testing.T) {
	p := newProxy(t)
	stalled := watchThrough(t, p)
	first := setSize(t, client(t, cp.Config()), 1).GetResourceVersion()
	stalled.size(1)
	rule := p.Now(controlplane.Stall(), widgetWatches)
	// Another stream of the same kind shows when the event has come by.
	other := startWatch(t, p.Config(), first)
	setSize(t, client(t, cp.Config()), 2)
	other.size(2)
	select {
	case l := <-stalled.lines:
		t.Errorf("a stalled watch delivered %q, %v", l.text, l.err)
	default:
	}
	rule.Clear()
	stalled.size(2)
	setSize(t, client(t, cp.Config()), 3)
	stalled.size(3)
}

func TestStalledWatchCanBeCut(t *testing.T) {
	p := newProxy(t)
	rule := p.Next(1, controlplane.Stall(), widgetWatches)
	w := watchThrough(t, p) // returns: the header has come
	if w.status != 200 || rule.Hits() != 1 {
		t.Errorf("status %d, %d hits", w.status, rule.Hits())
	}
	setSize(t, client(t, cp.Config()), 2)
	p.Now(controlplane.Cut(), widgetWatches)
	if l := w.end(); errors.Is(l.err, io.EOF) {
		t.Errorf("ended with %v, want an error other than EOF", l.err)
	}
}

func TestErrorEvent410MakesAnInformerStartOver(t *testing.T) {
	p := newProxy(t)
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client(t, p.Config()), 0)
	informer := factory.ForResource(widgets).Informer()
	ctx, cancel := context.WithCancel(t.Context())
	factory.Start(ctx.Done())
	t.Cleanup(func() { cancel(); factory.Shutdown() })
	factory.WaitForCacheSync(ctx.Done())
	poll(t, "the informer's watch", func(context.Context) bool { return p.Running(widgetWatches) == 1 })
	before := p.Stats().Count("watch")
	p.Now(controlplane.ErrorEvent(410, metav1.StatusReasonExpired, "too old"), widgetWatches)
	poll(t, "a new watch", func(context.Context) bool { return p.Stats().Count("watch") > before })
	setSize(t, client(t, cp.Config()), 410)
	poll(t, "the change", func(context.Context) bool {
		o, exists, err := informer.GetStore().GetByKey("default/apple")
		return err == nil && exists && fmt.Sprint(field(o.(runtime.Unstructured), "spec", "size")) == "410"
	})
}

func field(o runtime.Unstructured, outer, inner string) any {
	m, _ := o.UnstructuredContent()[outer].(map[string]any)
	return m[inner]
}
