package report

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func get(t *testing.T, server *httptest.Server, target string, header ...string) (*http.Response, string) {
	t.Helper()
	resp := open(t, server.URL+target, header...)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// open sends a GET on a connection of its own; the caller closes the body.
func open(t *testing.T, url string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// message is one block of an event stream, comments left out.
type message struct{ id, event, data string }

// messages reads a stream as the specification says: a block without data is not
// dispatched, but moves the last event id.
type messages struct {
	r      *bufio.Reader
	lastID string
}

func newMessages(r io.Reader) *messages {
	return &messages{r: bufio.NewReader(r)}
}

// next returns the next message that a browser would dispatch.
func (m *messages) next() (message, error) {
	var msg message
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			return message{}, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			m.lastID = value
		case "event":
			msg.event = value
		case "data":
			msg.data += value
		case "":
			if line == "\n" && msg.data != "" {
				msg.id = m.lastID
				return msg, nil
			}
		}
	}
}

// ids reads n messages and returns their ids.
func (m *messages) ids(t *testing.T, n int) []string {
	t.Helper()
	var ids []string
	for range n {
		msg, err := m.next()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, msg.id)
	}
	return ids
}

// stream opens a live stream and returns it once the server follows the ledger.
func (f *live) stream(t *testing.T, query string, header ...string) *messages {
	t.Helper()
	resp := open(t, f.server.URL+"/api/v1/events?watch=true&"+query, header...)
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != mediaSSE {
		t.Fatalf("%s %s", resp.Status, resp.Header)
	}
	m := newMessages(resp.Body)
	// The first block says that the stream has its position.
	for line := ""; line != "\n"; {
		var err error
		if line, err = m.r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			m.lastID = strings.TrimSpace(id)
		}
	}
	return m
}

// live is a handler behind a real server.
type live struct {
	ledger  *Ledger
	handler *Handler
	server  *httptest.Server
}

func newLive(t *testing.T, opts LedgerOptions) *live {
	f := &live{ledger: NewLedger(opts)}
	f.handler, _ = newTestHandler(f.ledger)
	f.server = httptest.NewServer(f.handler)
	t.Cleanup(f.server.Close)
	t.Cleanup(f.handler.EndStreams)
	return f
}

func TestStreamStarts(t *testing.T) {
	for name, tc := range map[string]struct {
		query  string
		header []string
		want   []string
	}{
		"now":                             {"", nil, []string{"6", "7"}},
		"after a plain cursor":            {"cursor=3", nil, []string{"4", "5", "6", "7"}},
		"after the last event":            {"", []string{"Last-Event-ID", "4"}, []string{"5", "6", "7"}},
		"after the last, not the cursor":  {"cursor=1", []string{"Last-Event-ID", "4"}, []string{"5", "6", "7"}},
		"at since":                        {"since=2026-11-22T00:00:00Z", nil, []string{"1", "2", "3", "4", "5", "6", "7"}},
		"after the cursor, within since":  {"since=1h&cursor=5", nil, []string{"6", "7"}},
		"filtered":                        {"cursor=0&name=tls-1", nil, []string{"2", "7"}},
		"filtered by what never happened": {"cursor=0&type=DELETED", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLive(t, LedgerOptions{})
			fill(f.ledger, 5)
			m := f.stream(t, tc.query, tc.header...)
			fill(f.ledger, 2)
			if d := cmp.Diff(tc.want, m.ids(t, len(tc.want))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStreamCarriesTheContract(t *testing.T) {
	f := newLive(t, LedgerOptions{})
	m := f.stream(t, "")
	ev := busy()
	f.ledger.Record(ev)
	msg, err := m.next()
	if err != nil {
		t.Fatal(err)
	}
	ev.Seq = 1
	want, err := marshalLine(ev)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(message{id: "1", data: strings.TrimSpace(string(want))}, msg, cmp.AllowUnexported(message{})); d != "" {
		t.Error(d)
	}
}

func TestResumeLosesAndDoublesNothing(t *testing.T) {
	const total, writers, clients = 4000, 4, 3
	f := newLive(t, LedgerOptions{MaxEvents: total})
	var readers, recorders sync.WaitGroup
	for range clients {
		readers.Go(func() { resumeOften(t, f, total) })
	}
	for range writers {
		recorders.Go(func() { fill(f.ledger, total/writers) })
	}
	recorders.Wait()
	readers.Wait()
}

// resumeOften follows the stream to the end, hanging up at random.
func resumeOften(t *testing.T, f *live, total int) {
	lastID := "0"
	for next := 1; next <= total; {
		resp := open(t, f.server.URL+"/api/v1/events", "Accept", mediaSSE, "Last-Event-ID", lastID)
		m := newMessages(resp.Body)
		for range min(1+rand.IntN(300), total-next+1) {
			msg, err := m.next()
			if err != nil || msg.id != fmt.Sprint(next) {
				t.Errorf("got %v, %v; want id %d", msg, err, next)
				resp.Body.Close()
				return
			}
			lastID = msg.id
			next++
		}
		resp.Body.Close()
	}
}

func TestShutdownSendsTheRestAndACursor(t *testing.T) {
	f := newLive(t, LedgerOptions{})
	fill(f.ledger, 200)
	m := f.stream(t, "cursor=100")
	f.handler.EndStreams()
	if ids := m.ids(t, 100); ids[0] != "101" || ids[99] != "200" {
		t.Errorf("got %v", ids)
	}
	msg, err := m.next()
	if err != nil || msg.event != "shutdown" {
		t.Fatalf("got %v, %v", msg, err)
	}
	if want := fmt.Sprintf(`{"cursor":%q}`, f.ledger.Newest()); msg.data != want {
		t.Errorf("got %s, want %s", msg.data, want)
	}
	if msg, err := m.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the shutdown: %v, %v", msg, err)
	}
}

func TestStreamsOpenedWhileShuttingDownEndToo(t *testing.T) {
	for _, query := range []string{"", "since=1h"} {
		f := newLive(t, LedgerOptions{Base: 77})
		f.handler.EndStreams()
		msg, err := f.stream(t, query).next()
		if want := fmt.Sprintf(`{"cursor":%q}`, f.ledger.Newest()); err != nil || msg.event != "shutdown" || msg.data != want {
			t.Errorf("%q: got %v, %v", query, msg, err)
		}
	}
}

// pipe is a ResponseWriter on which each write waits for the test to read it.
type pipe struct {
	*io.PipeWriter
	header    http.Header
	mu        sync.Mutex
	deadlines []time.Time
}

func newPipe() (*pipe, *messages, func()) {
	r, w := io.Pipe()
	return &pipe{PipeWriter: w, header: http.Header{}}, newMessages(r), func() { r.Close() }
}

func (p *pipe) Header() http.Header { return p.header }
func (p *pipe) WriteHeader(int)     {}
func (p *pipe) FlushError() error   { return nil }

func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadlines = append(p.deadlines, t)
	return nil
}

// serve runs h for one stream within a bubble and returns when that has ended.
func serveOn(w http.ResponseWriter, h *Handler, ctx context.Context, target string) <-chan struct{} {
	done := make(chan struct{})
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	go func() { defer close(done); h.ServeHTTP(w, r) }()
	return done
}

func TestKeepAliveEvery15Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger(LedgerOptions{})
		h, _ := newTestHandler(l)
		ctx, cancel := context.WithCancel(t.Context())
		w, m, _ := newPipe()
		done := serveOn(w, h, ctx, "/api/v1/events?watch=1&name=never")
		start := time.Now()
		var got []string
		for range 3 {
			got = append(got, block(t, m)+fmt.Sprint(time.Since(start)))
		}
		// Events that are not for this client move its position along.
		fill(l, 4)
		got = append(got, block(t, m)+fmt.Sprint(time.Since(start)))
		want := []string{
			": connected\nid: 0\n\n0s", ": keep-alive\n\n15s", ": keep-alive\n\n30s", ": keep-alive\nid: 4\n\n45s",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		cancel()
		<-done
	})
}

// block reads up to the next empty line, comments included.
func block(t *testing.T, m *messages) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(line)
		if line == "\n" {
			return b.String()
		}
	}
}

func TestSlowClientNeitherBlocksNorLosesSilently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger(LedgerOptions{MaxEvents: 100})
		h, _ := newTestHandler(l)
		w, m, _ := newPipe()
		done := serveOn(w, h, t.Context(), "/api/v1/events?watch=1")
		block(t, m)
		fill(l, 1)
		synctest.Wait() // the stream writes it, and waits for a reader
		fill(l, 999)    // returns all the same
		synctest.Wait()
		var ids []string
		for {
			msg, err := m.next()
			if err != nil {
				t.Fatal(err)
			}
			if msg.event == "overflow" {
				want := message{id: "900", event: "overflow", data: fmt.Sprintf(`{"cursor":%q}`, Cursor{epoch: l.epoch, seq: 900})}
				if msg != want {
					t.Errorf("got %v, want %v", msg, want)
				}
				break
			}
			ids = append(ids, msg.id)
		}
		if len(ids) > streamBatch || !slices.IsSortedFunc(ids, byNumber) {
			t.Errorf("before the overflow: %v", ids)
		}
		<-done
	})
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func TestEveryWriteHasADeadlineAndIdleStreamsHaveNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger(LedgerOptions{})
		h, _ := newTestHandler(l)
		w, m, hangUp := newPipe()
		done := serveOn(w, h, t.Context(), "/api/v1/events?watch=1")
		block(t, m)
		synctest.Wait()
		w.mu.Lock()
		idle := w.deadlines[len(w.deadlines)-1]
		w.deadlines = nil
		w.mu.Unlock()
		if !idle.IsZero() {
			t.Errorf("an idle stream has the deadline %s", idle)
		}
		fill(l, 1)
		synctest.Wait() // the write waits for a reader
		w.mu.Lock()
		if want := []time.Time{time.Now().Add(writeTimeout)}; !slices.Equal(w.deadlines, want) {
			t.Errorf("got %v, want %v", w.deadlines, want)
		}
		w.mu.Unlock()
		hangUp()
		<-done
	})
}

func TestClientThatStopsReadingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger(LedgerOptions{})
		h, _ := newTestHandler(l)
		server, client := net.Pipe()
		defer client.Close()
		httpServer := &http.Server{Handler: h}
		served := make(chan struct{})
		go func() { defer close(served); httpServer.Serve(newOneListener(server)) }()
		fmt.Fprint(client, "GET /api/v1/events?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait() // the answer waits for a reader that never comes
		if got := testutil.ToFloat64(h.Metrics.sseClients); got != 1 {
			t.Errorf("%v clients", got)
		}
		<-time.After(writeTimeout + time.Second)
		synctest.Wait()
		if got := testutil.ToFloat64(h.Metrics.sseClients); got != 0 {
			t.Errorf("%v clients after the deadline", got)
		}
		httpServer.Close()
		<-served
	})
}

// oneListener accepts one connection.
type oneListener struct {
	conns chan net.Conn
	once  sync.Once
}

func newOneListener(c net.Conn) *oneListener {
	l := &oneListener{conns: make(chan net.Conn, 1)}
	l.conns <- c
	return l
}

func (l *oneListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *oneListener) Close() error {
	l.once.Do(func() { close(l.conns) })
	return nil
}

func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }
