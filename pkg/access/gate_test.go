package access_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/access"
)

// server answers reviews as an API server does, from what a test says.
type server struct {
	mu sync.Mutex
	// tokens are who they belong to; grants are what is allowed, as "user verb
	// resource.group namespace name", with - for what is empty.
	tokens map[string]authenticationv1.TokenReviewStatus
	grants map[string]bool
	broken bool
	// asked are the questions, in order.
	asked []string
	// hold, if it is set, keeps every answer back until it is closed.
	hold chan struct{}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Kind string
		Spec json.RawMessage
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	question, status := s.answer(body.Kind, body.Spec)
	s.mu.Lock()
	s.asked = append(s.asked, question)
	broken, hold := s.broken, s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if broken {
		http.Error(w, "etcd is down", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": strings.TrimPrefix(r.URL.Path[:strings.LastIndex(r.URL.Path, "/")], "/apis/"), "kind": body.Kind, "status": status})
}

func (s *server) answer(kind string, spec []byte) (question string, status any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == "TokenReview" {
		var t authenticationv1.TokenReviewSpec
		_ = json.Unmarshal(spec, &t)
		return "token " + t.Token, s.tokens[t.Token]
	}
	var a authorizationv1.SubjectAccessReviewSpec
	_ = json.Unmarshal(spec, &a)
	question = a.User + " " + describe(a)
	return question, authorizationv1.SubjectAccessReviewStatus{Allowed: s.grants[question]}
}

func describe(a authorizationv1.SubjectAccessReviewSpec) string {
	if p := a.NonResourceAttributes; p != nil {
		return p.Verb + " " + p.Path
	}
	r := a.ResourceAttributes
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return fmt.Sprintf("%s %s.%s %s %s", r.Verb, r.Resource, r.Group, dash(r.Namespace), dash(r.Name))
}

func (s *server) grant(grants ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants = map[string]bool{}
	for _, g := range grants {
		s.grants[g] = true
	}
}

func (s *server) breakDown(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// questions are those since the last call.
func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// setting is a gate in front of a server, and its clock.
type setting struct {
	*server
	gate    *access.Gate
	now     time.Time
	decided []string
}

func newSetting(t *testing.T, audiences ...string) *setting {
	t.Helper()
	s := &setting{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), server: &server{tokens: map[string]authenticationv1.TokenReviewStatus{
		"alices": belongs("alice", "https://kubernetes.default.svc"), "crdwatchs": belongs("alice", "crdwatch"),
	}}}
	ts := httptest.NewServer(s.server)
	t.Cleanup(ts.Close)
	client, err := dynamic.NewForConfig(&rest.Config{Host: ts.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	s.gate = access.New(access.Options{
		Client: client, Audiences: audiences, Now: func() time.Time { return s.now },
		Decided: func(d string) { mu.Lock(); defer mu.Unlock(); s.decided = append(s.decided, d) },
	})
	return s
}

func belongs(name string, audiences ...string) authenticationv1.TokenReviewStatus {
	return authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: audiences, User: authenticationv1.UserInfo{
		Username: name, UID: "1", Groups: []string{"team"}, Extra: map[string]authenticationv1.ExtraValue{"scopes": {"a", "b"}},
	}}
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/events", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (s *setting) admit(t *testing.T, token string) *access.Caller {
	t.Helper()
	c, err := s.gate.Admit(request(token))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAdmit(t *testing.T) {
	twice := request("alices")
	twice.Header.Add("Authorization", "Bearer alices")
	basic := request("")
	basic.SetBasicAuth("alice", "alices")
	inQuery := httptest.NewRequest(http.MethodGet, "/?access_token=alices", nil)
	lower := request("")
	lower.Header.Set("Authorization", "bearer alices")
	for name, test := range map[string]struct {
		request   *http.Request
		audiences []string
		want      string // a name, or empty for nobody
	}{
		"token":                             {request("alices"), nil, "alice"},
		"scheme in lower case":              {lower, nil, "alice"},
		"token for this audience":           {request("crdwatchs"), []string{"crdwatch"}, "alice"},
		"token for the API server's":        {request("alices"), []string{"crdwatch"}, ""},
		"unknown token":                     {request("wrong"), nil, ""},
		"two headers":                       {twice, nil, ""},
		"password":                          {basic, nil, ""},
		"token in the query":                {inQuery, nil, ""},
		"nothing":                           {request(""), nil, ""},
		"token with another behind a space": {request("alices x"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := newSetting(t, test.audiences...).gate.Admit(test.request)
			switch {
			case test.want == "" && (c != nil || !errors.Is(err, access.ErrUnauthenticated)):
				t.Errorf("%v let in, %v", c, err)
			case test.want != "" && (err != nil || c.Name() != test.want):
				t.Errorf("%v, %v; want %s", c, err, test.want)
			}
		})
	}
}

func TestAdmitByCertificate(t *testing.T) {
	s := newSetting(t)
	s.grant("bob list widgets.example.com - -")
	valid := &x509.Certificate{Subject: pkix.Name{CommonName: "bob", Organization: []string{"team"}}, NotAfter: s.now.Add(time.Hour)}
	r := request("alices")
	r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{valid}}}
	c, err := s.gate.Admit(r)
	if err != nil || c.Name() != "bob" {
		t.Fatalf("%v, %v: a certificate counts before a token", c, err)
	}
	if ok, err := c.MayRead(t.Context(), "list", widgets, "", ""); !ok || err != nil {
		t.Error(ok, err)
	}
	s.now = s.now.Add(2 * time.Hour)
	if err := c.Renew(t.Context()); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("an expired certificate: %v", err)
	}
	if ok, err := c.MayRead(t.Context(), "list", widgets, "", ""); ok || !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("who is nobody any more may read: %v, %v", ok, err)
	}
	unverified := request("")
	unverified.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{valid}}
	if c, err := s.gate.Admit(unverified); c != nil || !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("a certificate that nobody verified: %v, %v", c, err)
	}
}

var widgets = schema.GroupResource{Group: "example.com", Resource: "widgets"}

// TestMayRead: what may be read everywhere is not asked for namespaces, and names come last.
func TestMayRead(t *testing.T) {
	const all, web, one = "alice list widgets.example.com - -", "alice list widgets.example.com web -", "alice list widgets.example.com web one"
	for name, test := range map[string]struct {
		grants, asked []string
		namespace     string
		name          string
		want          bool
	}{
		"everywhere":                {[]string{all}, []string{all}, "web", "one", true},
		"in the namespace":          {[]string{web}, []string{all, web}, "web", "one", true},
		"by name":                   {[]string{one}, []string{all, web, one}, "web", "one", true},
		"not at all":                {nil, []string{all, web, one}, "web", "one", false},
		"a whole namespace":         {[]string{one}, []string{all, web}, "web", "", false},
		"all of them":               {[]string{web}, []string{all}, "", "", false},
		"cluster-scoped, by name":   {[]string{"alice list widgets.example.com - one"}, []string{all, "alice list widgets.example.com - one"}, "", "one", true},
		"another verb does nothing": {[]string{strings.ReplaceAll(all, "list", "watch")}, []string{all}, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			s.grant(test.grants...)
			c := s.admit(t, "alices")
			s.questions()
			got, err := c.MayRead(t.Context(), "list", widgets, test.namespace, test.name)
			if got != test.want || err != nil {
				t.Errorf("%t, %v", got, err)
			}
			if d := cmp.Diff(test.asked, s.questions()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMayGet(t *testing.T) {
	s := newSetting(t)
	s.grant("alice get /metrics")
	c := s.admit(t, "alices")
	for path, want := range map[string]bool{"/metrics": true, "/metrics/x": false} {
		if got, err := c.MayGet(t.Context(), path); got != want || err != nil {
			t.Errorf("%s: %t, %v", path, got, err)
		}
	}
	if d := cmp.Diff([]string{"allowed", "denied"}, sorted(s.decided)); d != "" {
		t.Error(d)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestRevocation: an answer is believed for ten seconds, by new requests and by old ones.
func TestRevocation(t *testing.T) {
	s := newSetting(t)
	s.grant("alice list widgets.example.com - -")
	old := s.admit(t, "alices")
	read := func(c *access.Caller) bool {
		ok, err := c.MayRead(t.Context(), "list", widgets, "", "")
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !read(old) {
		t.Fatal("denied")
	}
	s.grant()
	s.now = s.now.Add(access.Remembered - time.Millisecond)
	if n := len(s.questions()); !read(old) || !read(s.admit(t, "alices")) || n != 2 || len(s.questions()) != 0 {
		t.Error("the answers were not remembered")
	}
	s.now = s.now.Add(2 * time.Millisecond)
	if read(s.admit(t, "alices")) || read(old) {
		t.Error("may still read, after ten seconds")
	}
	s.mu.Lock()
	delete(s.tokens, "alices")
	s.mu.Unlock()
	s.now = s.now.Add(access.Remembered + time.Millisecond)
	if err := old.Renew(t.Context()); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("a token that was revoked: %v", err)
	}
}

// TestFailingClosed: nobody is let in on an answer that did not come, nor kept out by it.
func TestFailingClosed(t *testing.T) {
	s := newSetting(t)
	s.grant("alice list widgets.example.com - -")
	c := s.admit(t, "alices")
	s.breakDown(true)
	var unavailable *access.UnavailableError
	if ok, err := c.MayRead(t.Context(), "list", widgets, "", ""); ok || !errors.As(err, &unavailable) {
		t.Errorf("%t, %v", ok, err)
	}
	if c, err := s.gate.Admit(request("crdwatchs")); c != nil || !errors.As(err, &unavailable) {
		t.Errorf("%v, %v", c, err)
	}
	s.breakDown(false)
	if ok, err := c.MayRead(t.Context(), "list", widgets, "", ""); !ok || err != nil {
		t.Errorf("the failure was remembered: %t, %v", ok, err)
	}
	if d := cmp.Diff([]string{"allowed", "error"}, sorted(s.decided)); d != "" {
		t.Error(d)
	}
}

// TestTogether: the same question of many is asked once, and one of them who gives up
// takes the answer from nobody.
func TestTogether(t *testing.T) {
	s := newSetting(t)
	s.grant("alice list widgets.example.com - -")
	callers := make([]*access.Caller, 20)
	for i := range callers {
		callers[i] = s.admit(t, "alices")
	}
	s.questions()
	s.mu.Lock()
	s.hold = make(chan struct{})
	s.mu.Unlock()
	first, giveUp := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := callers[0].MayRead(first, "list", widgets, "", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
	})
	for len(s.peek()) == 0 {
		<-time.After(time.Millisecond)
	}
	for _, c := range callers[1:] {
		wg.Go(func() {
			if ok, err := c.MayRead(t.Context(), "list", widgets, "", ""); !ok || err != nil {
				t.Errorf("%t, %v", ok, err)
			}
		})
	}
	giveUp()
	close(s.hold)
	wg.Wait()
	if asked := s.questions(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
}

func (s *server) peek() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// TestUsersAreToldApart: what differs in anything that an authorizer may look at is
// another user.
func TestUsersAreToldApart(t *testing.T) {
	s := newSetting(t)
	alike := belongs("alice")
	alike.User.Groups = []string{"te", "am"}
	s.tokens["other"] = alike
	for _, token := range []string{"alices", "other"} {
		c := s.admit(t, token)
		if _, err := c.MayRead(t.Context(), "list", widgets, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	if asked := s.questions(); len(asked) != 4 {
		t.Errorf("asked %q, want about both", asked)
	}
}
