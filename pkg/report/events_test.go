package report

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

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
