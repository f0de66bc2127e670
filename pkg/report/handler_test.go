package report

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// fixture is an Inventory whose readiness a test decides.
type fixture struct {
	statuses   []watch.Status
	namespaces map[types.UID]map[string]int
	missing    atomic.Pointer[error]
}

func (f *fixture) Statuses() []watch.Status { return f.statuses }

func (f *fixture) Ready() error {
	if err := f.missing.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *fixture) Namespaces(crd types.UID) map[string]int { return f.namespaces[crd] }

func (f *fixture) setReady(err error) { f.missing.Store(&err) }

// newTestHandler returns a handler that is ready and knows the cluster of the
// inventory's tests.
func newTestHandler(l *Ledger) (*Handler, *fixture) {
	inv := &fixture{statuses: cluster()}
	h := NewHandler(HandlerOptions{
		Ledger: l, Inventory: inv, Metrics: NewMetrics(Build{}),
		Now: func() time.Time { return noon.Add(time.Minute) },
	})
	return h, inv
}

// request sends one request to h and returns what it recorded.
func request(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return v
}

func TestResourcesRoute(t *testing.T) {
	h, _ := newTestHandler(NewLedger(LedgerOptions{}))
	got := decode[ResourceList](t, request(h, "GET", "/api/v1/resources"))
	if d := cmp.Diff(NewResourceList(cluster()), got, cmpopts.IgnoreFields(ResourceItem{}, "Created")); d != "" {
		t.Error(d)
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	fill(l, 3)
	h, _ := newTestHandler(l)
	for name, tc := range map[string]struct {
		target, accept string
		code           int
	}{
		"resources": {"/api/v1/resources", "", 200},
		"events":    {"/api/v1/events", "", 200},
		"lines":     {"/api/v1/events", mediaNDJSON, 200},
		"stream":    {"/api/v1/events?watch=true", "", 200},
		"metrics":   {"/metrics", "", 200},
		"document":  {"/api/v1/openapi.json", "", 200},
		"page":      {"/", "", 200},
		"missing":   {"/api/v1/none", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(h)
			defer server.Close()
			r, _ := http.NewRequest(http.MethodHead, server.URL+tc.target, nil)
			r.Header.Set("Accept", tc.accept)
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			get := request(h, http.MethodHead, tc.target, "Accept", tc.accept)
			if resp.StatusCode != tc.code || resp.Header.Get("Content-Type") != get.Header().Get("Content-Type") {
				t.Errorf("%d %s", resp.StatusCode, resp.Header)
			}
		})
	}
}

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                 mediaJSON,
		"*/*":                              mediaJSON,
		"text/html,*/*;q=0.8":              mediaJSON,
		"text/html":                        mediaJSON,
		"application/x-ndjson":             mediaNDJSON,
		"Application/X-NDJSON; charset=u8": mediaNDJSON,
		"text/event-stream":                mediaSSE,
		"application/json;q=0.5, text/event-stream":         mediaSSE,
		"application/x-ndjson;q=0.4, application/json":      mediaJSON,
		"application/json, application/x-ndjson":            mediaJSON,
		"text/event-stream;q=0, application/x-ndjson;q=0.1": mediaNDJSON,
		"nonsense;;;=, application/x-ndjson":                mediaNDJSON,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if got := negotiate(r); got != want {
			t.Errorf("%q: got %s, want %s", accept, got, want)
		}
	}
}

func TestNotReadyUntilReadyOnce(t *testing.T) {
	h, inv := newTestHandler(NewLedger(LedgerOptions{}))
	inv.setReady(errors.New("3 of 12 resources are still syncing"))
	for _, target := range []string{"/api/v1/resources", "/api/v1/events", "/api/v1/unknown", "/api"} {
		w := request(h, "GET", target)
		got := decode[metav1.Status](t, w)
		if w.Code != 503 || got.Reason != metav1.StatusReasonServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		if !strings.Contains(got.Message, "3 of 12") {
			t.Errorf("%s does not say what is missing: %s", target, got.Message)
		}
	}
	if w := request(h, "GET", "/metrics"); w.Code != 200 {
		t.Errorf("metrics wait for readiness: %d", w.Code)
	}
	for _, err := range []error{nil, errors.New("the API server went away")} {
		inv.setReady(err)
		if w := request(h, "GET", "/api/v1/events"); w.Code != 200 {
			t.Errorf("with %v: %d", err, w.Code)
		}
	}
}
