package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// durable is a server with a history on disk, one life of it after the other.
type durable struct {
	*live
	dir      string
	store    *store.SQLite
	recorder *recording
	log      *bytes.Buffer
}

// life is how one differs from the usual.
type life struct {
	ring  int
	wrap  func(History) History
	store store.Options
}

// begin starts a life.
func begin(t *testing.T, dir string, l life) *durable {
	t.Helper()
	f := &durable{live: &live{}, dir: dir, log: &bytes.Buffer{}}
	l.store.Base = 1000
	var err error
	if f.store, err = store.Open(t.Context(), dir, l.store); err != nil {
		t.Fatal(err)
	}
	opts := LedgerOptions{MaxEvents: l.ring, History: f.store, Log: slog.New(slog.NewTextHandler(f.log, nil))}
	if l.wrap != nil {
		opts.History = l.wrap(f.store)
	}
	if f.ledger, err = OpenLedger(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	f.recorder = &recording{ledger: f.ledger, ended: make(chan error, 1)}
	f.recorder.Recorder = NewRecorder(RecorderOptions{Ledger: f.ledger, Store: f.store})
	go func() { f.recorder.ended <- f.recorder.Run(context.Background()) }()
	f.handler, _ = newTestHandler(f.ledger)
	f.server = httptest.NewServer(f.handler)
	t.Cleanup(func() { f.end(t) })
	return f
}

// end is a clean one; the second call does nothing.
func (f *durable) end(t *testing.T) {
	if f.store == nil {
		return
	}
	f.handler.EndStreams()
	f.server.Close()
	f.recorder.stop(t)
	if err := f.store.Close(); err != nil {
		t.Error(err)
	}
	f.store = nil
}

// record records n updates of objects tls-0, tls-1, …, and waits until they can be read.
func (f *durable) record(t *testing.T, n int) {
	t.Helper()
	want := f.ledger.Newest().seq + uint64(n)
	for i := range n {
		e := one(fmt.Sprintf("tls-%d", i%10), 1)
		e.Events[0].Time = noon.Add(time.Duration(i) * time.Second)
		f.recorder.Record(e)
	}
	for f.ledger.Newest().seq < want {
		<-f.ledger.Wake(f.ledger.Newest())
	}
}

// numbers are those from one to another, both included.
func numbers(from, to uint64) []uint64 {
	out := []uint64{}
	for ; from <= to; from++ {
		out = append(out, from)
	}
	return out
}

func ids(from, to uint64) []string {
	var out []string
	for _, n := range numbers(from, to) {
		out = append(out, fmt.Sprint(n))
	}
	return out
}

// allPages follows nextCursor to the end.
func allPages(t *testing.T, h http.Handler, query string) []uint64 {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	got := []uint64{}
	for {
		w := request(h, "GET", "/api/v1/events?"+values.Encode())
		page := decode[Page](t, w)
		if w.Code != http.StatusOK || len(page.Damaged) > 0 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		got = append(got, seqs(page.Items)...)
		if page.NextCursor == "" {
			return got
		}
		values.Set("cursor", page.NextCursor)
	}
}

// The answer is the same whether the ring has all of it, a part, or nothing.
func TestEventsComeFromTheHistoryAndTheRingAsOne(t *testing.T) {
	for name, ring := range map[string]int{"the ring has all": 2000, "the ring has a part": 100} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := begin(t, dir, life{ring: ring})
			f.record(t, 300)
			checkEvents(t, f)
			f.end(t)
			f = begin(t, dir, life{ring: ring})
			checkEvents(t, f)
		})
	}
}

func checkEvents(t *testing.T, f *durable) {
	t.Helper()
	tls3 := []uint64{}
	for seq := uint64(1004); seq <= 1300; seq += 10 {
		tls3 = append(tls3, seq)
	}
	for query, want := range map[string][]uint64{
		"":                    numbers(1001, 1300),
		"limit=7":             numbers(1001, 1300),
		"cursor=1000":         numbers(1001, 1300),
		"cursor=1250":         numbers(1251, 1300),
		"cursor=1300":         {},
		"name=tls-3":          tls3,
		"name=tls-3&limit=1":  tls3,
		"manager=nobody":      {},
		"namespace=-":         {},
		"namespace=web":       numbers(1001, 1300),
		"type=DELETED":        {},
		"resource=issuers.io": {},
		"resource=certificates.cert-manager.io&namespace=web&name=tls-3&manager=kubectl-edit&type=MODIFIED": tls3,
		"since=2026-11-22T12:02:00Z&until=2026-11-22T12:03:00Z":                                             numbers(1121, 1180),
	} {
		if d := cmp.Diff(want, allPages(t, f.handler, query)); d != "" {
			t.Errorf("%q: %s", query, d)
		}
		if strings.Contains(query, "limit") {
			continue
		}
		lines := request(f.handler, "GET", "/api/v1/events?"+query, "Accept", mediaNDJSON)
		if d := cmp.Diff(want, seqs(decodeLines(t, lines.Body.String()))); d != "" {
			t.Errorf("%q as lines: %s", query, d)
		}
	}
	w := request(f.handler, "GET", "/api/v1/objects/cert-manager.io/certificates/web/tls-3/events?limit=1000")
	if d := cmp.Diff(tls3, seqs(decode[Page](t, w).Items)); d != "" {
		t.Errorf("timeline: %s", d)
	}
	if got := f.ledger.Newest().seq; got != 1300 {
		t.Errorf("newest %d", got)
	}
}

// An event read from the history is, byte for byte, what was shown live.
func TestHistoryShowsWhatTheRingShowed(t *testing.T) {
	dir := t.TempDir()
	f := begin(t, dir, life{})
	busyEntry := watch.Entry{Checkpoint: one("a", 0).Checkpoint, Events: []watch.Event{busy(), gap()}}
	f.recorder.Record(busyEntry)
	for f.ledger.Newest().seq < 1002 {
		<-f.ledger.Wake(f.ledger.Newest())
	}
	live := request(f.handler, "GET", "/api/v1/events", "Accept", mediaNDJSON).Body.String()
	f.end(t)
	kept := request(begin(t, dir, life{}).handler, "GET", "/api/v1/events", "Accept", mediaNDJSON).Body.String()
	if d := cmp.Diff(live, kept); d != "" || strings.Count(live, "\n") != 2 {
		t.Error(d)
	}
}

func TestStreamResumesFromTheHistory(t *testing.T) {
	dir := t.TempDir()
	f := begin(t, dir, life{ring: 50})
	cursor := f.ledger.Newest().String()
	f.record(t, 500)
	for name, m := range map[string]*messages{
		"last event":          f.stream(t, "", "Last-Event-ID", "1000"),
		"cursor":              f.stream(t, "cursor="+url.QueryEscape(cursor)),
		"cursor and an event": f.stream(t, "cursor="+url.QueryEscape(cursor), "Last-Event-ID", "1000"),
		"since":               f.stream(t, "since=2026-11-22T00:00:00Z"),
	} {
		if d := cmp.Diff(ids(1001, 1500), m.ids(t, 500)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	f.end(t)

	f = begin(t, dir, life{ring: 50})
	streams := map[string]*messages{
		"last event":      f.stream(t, "", "Last-Event-ID", "1300"),
		"an older cursor": f.stream(t, "cursor="+url.QueryEscape(cursor), "Last-Event-ID", "1300"),
	}
	sparse := f.stream(t, "name=tls-9", "Last-Event-ID", "1300")
	f.record(t, 200)
	for name, m := range streams {
		if d := cmp.Diff(ids(1301, 1700), m.ids(t, 400)); d != "" {
			t.Errorf("after a restart, %s: %s", name, d)
		}
	}
	var want []string
	for seq := 1310; seq <= 1700; seq += 10 {
		want = append(want, fmt.Sprint(seq))
	}
	if d := cmp.Diff(want, sparse.ids(t, len(want))); d != "" {
		t.Errorf("after a restart, one object: %s", d)
	}
}

func TestPositionsPastRetentionAreGone(t *testing.T) {
	dir := t.TempDir()
	f := begin(t, dir, life{ring: 50})
	f.record(t, 600)
	f.end(t)
	f = begin(t, dir, life{ring: 50, store: store.Options{
		Retention: time.Minute, Now: func() time.Time { return noon.Add(4 * time.Minute) },
	}})
	if err := f.store.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := f.store.FirstSeq(t.Context())
	if err != nil || first <= 1001 || first > 1600 {
		t.Fatalf("first %d, %v", first, err)
	}
	oldest := Cursor{epoch: f.store.Epoch(), seq: first - 1}.String()
	for _, query := range []string{"cursor=1000", "cursor=1000&watch=true", "cursor=0", "cursor=1601", "cursor=x"} {
		w := request(f.handler, "GET", "/api/v1/events?"+query)
		status := decode[metav1.Status](t, w)
		if w.Code != http.StatusGone || status.Continue != oldest {
			t.Errorf("%s: %d %s, want %s", query, w.Code, w.Body, oldest)
		}
	}
	if _, err := f.ledger.Query(t.Context(), Cursor{epoch: f.ledger.epoch}, 1, Filter{}); !errors.Is(err, ErrExpired) {
		t.Errorf("0 as a position: %v", err)
	}
	for _, query := range []string{"", "cursor=" + oldest, "cursor=" + fmt.Sprint(first-1)} {
		if d := cmp.Diff(numbers(first, 1600), allPages(t, f.handler, query)); d != "" {
			t.Errorf("%q: %s", query, d)
		}
	}
	if d := cmp.Diff(ids(first, 1600), f.stream(t, "since=2026-11-22T00:00:00Z").ids(t, int(1601-first))); d != "" {
		t.Error(d)
	}
}

// What of an event is wanted the store does not know: it may give fewer than fill a page.
func TestPageIsFilledWhateverTheFilterLeavesOut(t *testing.T) {
	dir := t.TempDir()
	f := begin(t, dir, life{})
	for i := range 30 {
		e := one("a", 1)
		e.Events[0].Changes[0].Section = "status"
		if i%10 == 9 {
			e.Events[0].Changes[0].Section = "spec"
		}
		f.recorder.Record(e)
	}
	f.end(t)
	f = begin(t, dir, life{})
	page, err := f.ledger.Query(t.Context(), Cursor{}, 2, Filter{IgnoreStatus: true})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]uint64{1010, 1020}, seqs(page.Items)); d != "" {
		t.Error(d)
	}
	if want := (Cursor{epoch: f.ledger.epoch, seq: 1029}).String(); page.NextCursor != want {
		t.Errorf("goes on at %s, want %s", page.NextCursor, want)
	}
}
