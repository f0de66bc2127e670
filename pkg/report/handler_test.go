package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// fixture is an Inventory whose readiness a test decides.
type fixture struct {
	statuses []watch.Status
	missing  atomic.Pointer[error]
}

func (f *fixture) Statuses() []watch.Status { return f.statuses }

func (f *fixture) Ready() error {
	if err := f.missing.Load(); err != nil {
		return *err
	}
	return nil
}

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
	for i := 0; i+1 < len(header); i += 2 {
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

func TestErrorsAreStatuses(t *testing.T) {
	l := NewLedger(LedgerOptions{MaxEvents: 2})
	fill(l, 5)
	h, _ := newTestHandler(l)
	tests := map[string]struct {
		method, target string
		header         []string
		code           int
		reason         metav1.StatusReason
		names          string // a part of the message
	}{
		"unknown path":               {"GET", "/api/v1/nothing", nil, 404, metav1.StatusReasonNotFound, ""},
		"unknown path outside":       {"GET", "/favicon.ico", nil, 404, metav1.StatusReasonNotFound, ""},
		"path with a slash too many": {"GET", "/api/v1/events/", nil, 404, metav1.StatusReasonNotFound, ""},
		"incomplete object":          {"GET", "/api/v1/objects/g/r/ns/events", nil, 404, metav1.StatusReasonNotFound, ""},
		"method":                     {"POST", "/api/v1/events", nil, 405, metav1.StatusReasonMethodNotAllowed, ""},
		"method on metrics":          {"DELETE", "/metrics", nil, 405, metav1.StatusReasonMethodNotAllowed, ""},
		"unknown parameter":          {"GET", "/api/v1/events?nmespace=web", nil, 400, metav1.StatusReasonBadRequest, "nmespace"},
		"parameter of another route": {"GET", "/api/v1/resources?limit=1", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"parameter in the path":      {"GET", "/api/v1/objects/g/r/ns/n/events?name=x", nil, 400, metav1.StatusReasonBadRequest, "name"},
		"parameter twice":            {"GET", "/api/v1/events?name=a&name=b", nil, 400, metav1.StatusReasonBadRequest, "name"},
		"malformed query":            {"GET", "/api/v1/events?name=%zz", nil, 400, metav1.StatusReasonBadRequest, "query"},
		"resource without group":     {"GET", "/api/v1/events?resource=certificates", nil, 400, metav1.StatusReasonBadRequest, "resource"},
		"type":                       {"GET", "/api/v1/events?type=modified", nil, 400, metav1.StatusReasonBadRequest, "type"},
		"since":                      {"GET", "/api/v1/events?since=yesterday", nil, 400, metav1.StatusReasonBadRequest, "since"},
		"since in the future":        {"GET", "/api/v1/events?since=-5m", nil, 400, metav1.StatusReasonBadRequest, "since"},
		"until":                      {"GET", "/api/v1/events?until=12:00", nil, 400, metav1.StatusReasonBadRequest, "until"},
		"until before since":         {"GET", "/api/v1/events?since=1m&until=2m", nil, 400, metav1.StatusReasonBadRequest, "until"},
		"limit":                      {"GET", "/api/v1/events?limit=many", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit of none":              {"GET", "/api/v1/events?limit=0", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit too large":            {"GET", "/api/v1/events?limit=1001", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit of lines":             {"GET", "/api/v1/events?limit=-1", []string{"Accept", mediaNDJSON}, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit of a stream":          {"GET", "/api/v1/events?watch=1&limit=5", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"watch":                      {"GET", "/api/v1/events?watch=maybe", nil, 400, metav1.StatusReasonBadRequest, "watch"},
		"unknown cursor":             {"GET", "/api/v1/events?cursor=abc", nil, 410, metav1.StatusReasonExpired, ""},
		"cursor past retention":      {"GET", "/api/v1/events?cursor=1", nil, 410, metav1.StatusReasonExpired, ""},
		"cursor of lines":            {"GET", "/api/v1/events?cursor=abc", []string{"Accept", mediaNDJSON}, 410, metav1.StatusReasonExpired, ""},
		"cursor of a stream":         {"GET", "/api/v1/events?cursor=abc", []string{"Accept", mediaSSE}, 410, metav1.StatusReasonExpired, ""},
		"last event past retention":  {"GET", "/api/v1/events?watch=true", []string{"Last-Event-ID", "1"}, 410, metav1.StatusReasonExpired, ""},
		"last event of the future":   {"GET", "/api/v1/events?watch=true", []string{"Last-Event-ID", "99"}, 410, metav1.StatusReasonExpired, ""},
		"last event of another process": {"GET", "/api/v1/events?watch=true&cursor=" + Cursor{epoch: 1, seq: 4}.String(),
			[]string{"Last-Event-ID", "4"}, 410, metav1.StatusReasonExpired, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := request(h, tc.method, tc.target, tc.header...)
			got := decode[metav1.Status](t, w)
			if w.Code != tc.code || int(got.Code) != tc.code || got.Reason != tc.reason || got.Status != metav1.StatusFailure || got.Kind != "Status" {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			if !strings.Contains(got.Message, tc.names) {
				t.Errorf("the message does not name %s: %s", tc.names, got.Message)
			}
			if tc.code == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %s", w.Header().Get("Allow"))
			}
			if tc.code != http.StatusGone {
				return
			}
			again := request(h, "GET", "/api/v1/events?cursor="+got.Continue)
			if d := cmp.Diff([]uint64{4, 5}, seqs(decode[Page](t, again).Items)); d != "" {
				t.Errorf("from the oldest cursor on: %s", d)
			}
		})
	}
}

func TestEventsSelects(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	fill(l, 3)
	other := modified("letsencrypt", 1)
	other.Namespace, other.Type = "", watch.Deleted
	other.Resource.Resource, other.Managers = "clusterissuers", []string{"helm"}
	other.Time = noon.Add(30 * time.Second)
	l.Record(other)
	h, _ := newTestHandler(l)
	for query, want := range map[string][]uint64{
		"":                                      {1, 2, 3, 4},
		"resource=&namespace=&limit=&cursor=":   {1, 2, 3, 4},
		"resource=certificates.cert-manager.io": {1, 2, 3},
		"namespace=web":                         {1, 2, 3},
		"namespace=-":                           {4},
		"name=tls-1":                            {2},
		"type=DELETED":                          {4},
		"manager=helm":                          {4},
		"since=2026-11-22T12:00:30Z":            {4},
		"since=2026-11-22T13:00:30%2B01:00":     {4},
		"since=45s":                             {4},
		"until=45s":                             {1, 2, 3},
		"limit=2":                               {1, 2},
		"cursor=2":                              {3, 4},
		"cursor=2&limit=1":                      {3},
		"watch=false":                           {1, 2, 3, 4},
	} {
		t.Run(query, func(t *testing.T) {
			w := request(h, "GET", "/api/v1/events?"+query)
			if d := cmp.Diff(want, seqs(decode[Page](t, w).Items)); d != "" {
				t.Errorf("%s: %s", w.Body, d)
			}
			lines := request(h, "GET", "/api/v1/events?"+query, "Accept", mediaNDJSON)
			if d := cmp.Diff(want, seqs(decodeLines(t, lines.Body.String()))); d != "" {
				t.Errorf("as lines: %s", d)
			}
		})
	}
}

func decodeLines(t *testing.T, body string) []*watch.Event {
	t.Helper()
	var events []*watch.Event
	for line := range strings.Lines(body) {
		ev := new(watch.Event)
		if err := json.Unmarshal([]byte(line), ev); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		events = append(events, ev)
	}
	return events
}

func TestPagesLeadThroughEverything(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	fill(l, 250)
	h, _ := newTestHandler(l)
	var got []uint64
	for query := (url.Values{}); ; {
		page := decode[Page](t, request(h, "GET", "/api/v1/events?"+query.Encode()))
		if len(page.Items) > defaultLimit {
			t.Fatalf("a page of %d", len(page.Items))
		}
		got = append(got, seqs(page.Items)...)
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	if len(got) != 250 || got[0] != 1 || got[249] != 250 {
		t.Errorf("got %d events: %v", len(got), got)
	}
}

func TestAnEmptyPageIsAList(t *testing.T) {
	h, _ := newTestHandler(NewLedger(LedgerOptions{}))
	if got, want := request(h, "GET", "/api/v1/events").Body.String(), "{\"items\":[],\"nextCursor\":\"\"}\n"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestObjectEvents(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	fill(l, 3)
	l.Record(gap())
	clustered := modified("tls-1", 1)
	clustered.Namespace = ""
	l.Record(clustered)
	h, _ := newTestHandler(l)
	for path, want := range map[string][]uint64{
		"cert-manager.io/certificates/web/tls-1":  {2, 4},
		"cert-manager.io/certificates/-/tls-1":    {4, 5},
		"cert-manager.io/certificates/web/none":   {4},
		"cert-manager.io/issuers/web/tls-1":       {},
		"cert-manager.com/certificates/web/tls-1": {},
	} {
		w := request(h, "GET", "/api/v1/objects/"+path+"/events")
		if d := cmp.Diff(want, seqs(decode[Page](t, w).Items)); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

func TestResourcesRoute(t *testing.T) {
	h, _ := newTestHandler(NewLedger(LedgerOptions{}))
	got := decode[ResourceList](t, request(h, "GET", "/api/v1/resources"))
	if d := cmp.Diff(NewResourceList(cluster()), got); d != "" {
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

func TestLargeLinesStreamIsWhole(t *testing.T) {
	const n = 10_000
	l := NewLedger(LedgerOptions{MaxEvents: n})
	fill(l, n)
	h, _ := newTestHandler(l)
	server := httptest.NewServer(h)
	defer server.Close()
	// While it is read, the ring moves on by more than its length.
	recording := make(chan struct{})
	go func() { defer close(recording); fill(l, n) }()
	resp, body := get(t, server, "/api/v1/events", "Accept", mediaNDJSON)
	<-recording
	if got := resp.Header.Get("Content-Type"); got != mediaNDJSON {
		t.Error(got)
	}
	events := decodeLines(t, body)
	if len(events) != n {
		t.Fatalf("%d events", len(events))
	}
	for i, ev := range events[1:] {
		if ev.Seq != events[i].Seq+1 {
			t.Fatalf("%d after %d", ev.Seq, events[i].Seq)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	l := NewLedger(LedgerOptions{})
	fill(l, DefaultMaxEvents)
	h, _ := newTestHandler(l)
	b.ReportAllocs()
	for b.Loop() {
		if w := request(h, "GET", fmt.Sprintf("/api/v1/events?cursor=%d", DefaultMaxEvents-100)); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	const n = 10_000
	l := NewLedger(LedgerOptions{})
	fill(l, n)
	h, _ := newTestHandler(l)
	for b.Loop() {
		if w := request(h, "GET", "/api/v1/events", "Accept", mediaNDJSON); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}
