package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// caller may do what it lists, as "verb resource namespace name" with - for all.
type caller struct {
	grants map[string]bool

	mu    sync.Mutex
	fails error
	asked int
}

func (c *caller) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = err
}

func (c *caller) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.fails
}

func (c *caller) Name() string                { return "alice" }
func (c *caller) Renew(context.Context) error { return c.failure() }

func (c *caller) MayRead(_ context.Context, verb string, r schema.GroupResource, namespace, name string) (bool, error) {
	err := c.failure()
	for _, at := range [][2]string{{"-", "-"}, {namespace, "-"}, {namespace, name}} {
		if c.grants[fmt.Sprintf("%s %s %s %s", verb, r, dash(at[0]), dash(at[1]))] {
			return err == nil, err
		}
	}
	return false, err
}

func (c *caller) MayGet(_ context.Context, path string) (bool, error) {
	return c.grants["get "+path], c.failure()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// newGuarded returns a handler that lets in one caller, who may do some things.
func newGuarded(l *Ledger, grants ...string) (*Handler, *caller) {
	c := &caller{grants: map[string]bool{}}
	for _, g := range grants {
		c.grants[g] = true
	}
	inv := &fixture{statuses: cluster(), namespaces: map[types.UID]map[string]int{}}
	for _, s := range inv.statuses {
		inv.namespaces[s.Resource.UID] = map[string]int{"web": 2, "db": 1}
	}
	return NewHandler(HandlerOptions{
		Ledger: l, Inventory: inv, Metrics: NewMetrics(Build{}), Findings: auditor{},
		Admit: func(r *http.Request) (Caller, error) {
			if r.Header.Get("Authorization") == "" {
				return nil, access.ErrUnauthenticated
			}
			return c, nil
		},
	}), c
}

func asAlice(h http.Handler, target string) *httptest.ResponseRecorder {
	return request(h, "GET", target, "Authorization", "Bearer x")
}

func guardedLedger() *Ledger {
	l := NewLedger(LedgerOptions{})
	for _, at := range []string{"web/a", "web/b", "db/c"} {
		ev := modified(at[strings.Index(at, "/")+1:], 1)
		ev.Namespace = at[:strings.Index(at, "/")]
		l.Record(ev)
	}
	l.Record(gap())
	crd := modified("certificates.cert-manager.io", 2)
	crd.Namespace, crd.Resource = "", watch.ResourceRef{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions", Kind: "CustomResourceDefinition"}
	l.Record(crd)
	found := modified("a", 3)
	found.Type, found.Finding = watch.Finding, &watch.FindingInfo{Subject: watch.FindingSubject{Group: "cert-manager.io", Resource: "certificates", Namespace: "web", Name: "a"}}
	l.Record(found)
	aboutCRD := crd
	aboutCRD.ID, aboutCRD.Type = "x", watch.Finding
	aboutCRD.Finding = &watch.FindingInfo{Subject: watch.FindingSubject{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: "certificates.cert-manager.io"}}
	l.Record(aboutCRD)
	return l
}

const (
	listAll  = "list certificates.cert-manager.io - -"
	listWeb  = "list certificates.cert-manager.io web -"
	listA    = "list certificates.cert-manager.io web a"
	listCRDs = "list customresourcedefinitions.apiextensions.k8s.io - -"
)

// TestEventsAreFiltered: what is shown is what may be listed. CRDs are objects of their
// own, but what is wrong with one is shown to who may list what it defines.
func TestEventsAreFiltered(t *testing.T) {
	const everything = "/api/v1/events"
	for name, test := range map[string]struct {
		grants []string
		target string
		want   string // types and names; a GAP with the generations that it tells
		code   int
	}{
		"all":                          {[]string{listAll, listCRDs}, everything, "a b c GAP3 certificates.cert-manager.io F:a F:certificates.cert-manager.io", 200},
		"all of a resource":            {[]string{listAll}, everything, "a b c GAP3 F:a F:certificates.cert-manager.io", 200},
		"the CRDs":                     {[]string{listCRDs}, everything, "certificates.cert-manager.io", 200},
		"a namespace":                  {[]string{listWeb}, everything, "a b F:a", 200},
		"a namespace, and asks for it": {[]string{listWeb}, everything + "?resource=certificates.cert-manager.io&namespace=web", "a b GAP0 F:a", 200},
		"another namespace":            {[]string{listWeb}, everything + "?resource=certificates.cert-manager.io&namespace=db", "", 403},
		"a name":                       {[]string{listA}, everything, "a F:a", 200},
		"the object by its path":       {[]string{listA}, "/api/v1/objects/cert-manager.io/certificates/web/a/events", "a F:a", 200},
		"another object by its path":   {[]string{listA}, "/api/v1/objects/cert-manager.io/certificates/web/b/events", "", 403},
		"what is not there":            {[]string{listA}, "/api/v1/objects/cert-manager.io/certificates/web/none/events", "", 403},
		"another verb":                 {[]string{"watch certificates.cert-manager.io - -"}, everything, "", 200},
		"nothing":                      {nil, everything, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newGuarded(guardedLedger(), test.grants...)
			w := asAlice(h, test.target)
			if w.Code != test.code {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
			if test.code == http.StatusForbidden {
				if s := decode[metav1.Status](t, w); !strings.Contains(s.Message, `User "alice" cannot list resource "certificates" in API group "cert-manager.io" in the namespace`) {
					t.Error(s.Message)
				}
				return
			}
			var got []string
			for _, ev := range decode[Page](t, w).Items {
				switch {
				case ev.Type == watch.Gap:
					got = append(got, fmt.Sprint("GAP", ev.Gap.MissedGenerations))
				case ev.Finding != nil:
					got = append(got, "F:"+ev.Name)
				default:
					got = append(got, ev.Name)
				}
			}
			if d := cmp.Diff(test.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
			lines := asAlice(h, test.target+map[bool]string{true: "&", false: "?"}[strings.Contains(test.target, "?")]+"limit=1000")
			if n := len(decode[Page](t, lines).Items); n != len(got) {
				t.Errorf("%d with a limit, %d without", n, len(got))
			}
		})
	}
}

// TestPartsAreWarnedOf: who gets a part of what they name is told so, and the ledger's
// own copy of a GAP stays as it is.
func TestPartsAreWarnedOf(t *testing.T) {
	l := guardedLedger()
	h, _ := newGuarded(l, listWeb)
	const target = "/api/v1/events?resource=certificates.cert-manager.io"
	want := `299 - "certificates.cert-manager.io is forbidden: User \"alice\" cannot list resource \"certificates\" in API group \"cert-manager.io\" at the cluster scope: this is only what you may read"`
	if got := asAlice(h, target).Header().Get("Warning"); got != want {
		t.Errorf("got %s", got)
	}
	asAlice(h, target+"&namespace=web")
	h, _ = newGuarded(l, listAll)
	w := asAlice(h, target+"&type=GAP")
	if got := w.Header().Get("Warning"); got != "" {
		t.Errorf("warned without a reason: %s", got)
	}
	if got := decode[Page](t, w).Items[0].Gap.MissedGenerations; got != 3 {
		t.Errorf("%d generations, want 3", got)
	}
}

func TestInventoryIsFiltered(t *testing.T) {
	for name, test := range map[string]struct {
		grants []string
		want   string
	}{
		"all of one":  {[]string{listAll}, "certificates.cert-manager.io 12"},
		"a namespace": {[]string{listWeb, "list widgets.example.com db -"}, "certificates.cert-manager.io 2, widgets.example.com 1"},
		"CRDs only":   {[]string{listCRDs}, ""},
		"a name":      {[]string{listA}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newGuarded(guardedLedger(), test.grants...)
			var got []string
			for _, item := range decode[ResourceList](t, asAlice(h, "/api/v1/resources")).Items {
				got = append(got, fmt.Sprint(item.Name, " ", item.Objects))
				if item.Message != "" {
					t.Errorf("tells of other objects: %q", item.Message)
				}
			}
			if d := cmp.Diff(test.want, strings.Join(got, ", ")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFindingsAreFiltered(t *testing.T) {
	for name, test := range map[string]struct {
		grants                   []string
		want                     string
		suppressed, notEvaluated int
	}{
		"all of one":  {[]string{listAll}, "CR004db/a CR003web/a CR003web/b CRD004/certificates.cert-manager.io", 1, 1},
		"a namespace": {[]string{listWeb}, "CR003web/a CR003web/b", 1, 0},
		"a name":      {[]string{listA}, "CR003web/a", 0, 0},
		"CRDs only":   {[]string{listCRDs}, "", 0, 0},
		"another":     {[]string{"list nodes.example.com - -"}, "CR004/n", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newGuarded(guardedLedger(), test.grants...)
			list := decode[FindingList](t, asAlice(h, "/api/v1/findings"))
			got := map[string]bool{}
			for _, f := range list.Items {
				got[f.Rule+f.Subject.Namespace+"/"+f.Subject.Name] = true
			}
			want := map[string]bool{}
			for _, s := range strings.Fields(test.want) {
				want[s] = true
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if list.Suppressed != test.suppressed || len(list.NotEvaluated) != test.notEvaluated {
				t.Errorf("%d suppressed, %d not evaluated", list.Suppressed, len(list.NotEvaluated))
			}
		})
	}
}

func TestMetricsAreGuarded(t *testing.T) {
	h, _ := newGuarded(guardedLedger())
	if w := asAlice(h, "/metrics"); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "crdwatch_") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	h, _ = newGuarded(guardedLedger(), "get /metrics")
	if w := asAlice(h, "/metrics"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "crdwatch_build_info") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// TestNobodyIsLetIn: without credentials everything is 401, whether it exists or not,
// and before anything is said about readiness.
func TestNobodyIsLetIn(t *testing.T) {
	h, _ := newGuarded(guardedLedger(), listAll, "get /metrics")
	for _, target := range []string{"/", "/metrics", "/api/v1/resources", "/api/v1/events", "/api/v1/events?watch=true", "/api/v1/findings", "/api/none"} {
		w := request(h, "GET", target)
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// TestGuardsFailClosed: without an answer of the API server there is none of ours.
func TestGuardsFailClosed(t *testing.T) {
	h, c := newGuarded(guardedLedger(), listAll, "get /metrics")
	c.fails = &access.UnavailableError{Err: errors.New("connection refused at 10.0.0.1")}
	for _, target := range []string{"/metrics", "/api/v1/resources", "/api/v1/events", "/api/v1/events?resource=certificates.cert-manager.io", "/api/v1/findings"} {
		w := asAlice(h, target)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "10.0.0.1") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// TestTooManyNames: somebody who may read nothing cannot have the API server asked about
// every object.
func TestTooManyNames(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	fill(l, 3*maxNames)
	h, c := newGuarded(l)
	if w := asAlice(h, "/api/v1/events"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "too many to ask about") {
		t.Errorf("%d: %.200s", w.Code, w.Body)
	}
	if c.asked > 3*maxNames {
		t.Errorf("asked %d times", c.asked)
	}
}

// crowd is an auditor with more findings about nodes than anybody may be asked about.
type crowd struct{ auditor }

func (crowd) Findings() audit.Snapshot {
	all := []*audit.Finding{finding("CR003", audit.High, "certificates.cert-manager.io", "web", "a")}
	for i := range 2 * maxNames {
		all = append(all, finding("CR003", audit.High, "nodes.example.com", "", strconv.Itoa(i)))
	}
	return audit.Snapshot{Open: all}
}

// TestNobodyAsksAboutOtherFindings: those of one resource are shown to who may see them,
// however many there are of others.
func TestNobodyAsksAboutOtherFindings(t *testing.T) {
	h, _ := newGuarded(guardedLedger(), listA)
	h.opts.Findings = crowd{}
	if w := asAlice(h, "/api/v1/findings"); w.Code != http.StatusForbidden {
		t.Errorf("all findings: %d: %.200s", w.Code, w.Body)
	}
	list := decode[FindingList](t, asAlice(h, "/api/v1/findings?resource=certificates.cert-manager.io"))
	if len(list.Items) != 1 {
		t.Errorf("%d findings, want one", len(list.Items))
	}
}

// TestStreamsAreGuarded: a stream shows what may be watched, and ends with who sees it.
func TestStreamsAreGuarded(t *testing.T) {
	l := guardedLedger()
	h, c := newGuarded(l, "watch certificates.cert-manager.io web -")
	server := httptest.NewServer(h)
	defer server.Close()
	resp := open(t, server.URL+"/api/v1/events?watch=true&since=2000-01-01T00:00:00Z", "Authorization", "Bearer x")
	defer resp.Body.Close()
	stream := newMessages(resp.Body)
	next := func() message {
		m, err := stream.next()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, want := range []string{`"id":"uid-a/1"`, `"id":"uid-b/1"`, `"id":"uid-a/3"`} {
		if m := next(); !strings.Contains(m.data, want) {
			t.Fatalf("%+v, want %s", m, want)
		}
	}
	c.fail(&access.UnavailableError{Err: errors.New("down")})
	l.Record(modified("a", 9))
	if m := next(); m.event != "denied" || !strings.Contains(m.data, `"code":503`) || m.id == "9" {
		t.Errorf("%+v", m)
	}
	if m, err := stream.next(); err == nil {
		t.Errorf("goes on with %+v", m)
	}
}

// TestStreamsAskWhoItIs: with every sign of life.
func TestStreamsAskWhoItIs(t *testing.T) {
	c := &caller{}
	w := httptest.NewRecorder()
	names := 0
	s := &stream{view: view{caller: c, names: &names}, w: newDeadlineWriter(w)}
	if err := s.keepAlive(t.Context()); err != nil || names != maxNames {
		t.Error(err, names)
	}
	c.fail(access.ErrUnauthenticated)
	if err := s.keepAlive(t.Context()); !errors.Is(err, errEnded) {
		t.Error(err)
	}
	if got := w.Body.String(); !strings.Contains(got, "keep-alive") || !strings.Contains(got, "event: denied\ndata: {") || !strings.Contains(got, `"code":401`) {
		t.Error(got)
	}
}

// TestStreamsAreLimited: of one caller, and in all; those that end make room.
func TestStreamsAreLimited(t *testing.T) {
	var all clients
	var leave []func()
	enter := func(v view) error {
		l, err := all.enter(v)
		if err == nil {
			leave = append(leave, l)
		}
		return err
	}
	alice := view{caller: &caller{}}
	for range maxStreamsOfOne {
		if err := enter(alice); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	writeError(w, httptest.NewRequest("GET", "/", nil), enter(alice))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for range maxStreams - maxStreamsOfOne {
		if err := enter(view{}); err != nil {
			t.Fatal(err)
		}
	}
	if enter(view{}) == nil {
		t.Error("more than the limit in all")
	}
	leave[0]()
	if err := enter(alice); err != nil {
		t.Errorf("nobody took the place that was left: %v", err)
	}
	for _, l := range leave[1:] {
		l()
	}
	if all.all != 0 || len(all.byName) != 0 {
		t.Errorf("%d streams, %v", all.all, all.byName)
	}
}
