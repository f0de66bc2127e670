package report

import (
	"context"
	"fmt"
	"io"
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
	r.Host = "localhost"
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
		fmt.Fprint(client, "GET /api/v1/events?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		synctest.Wait() // the answer waits for a reader that never comes
		if got := testutil.ToFloat64(h.opts.Metrics.sseClients); got != 1 {
			t.Errorf("%v clients", got)
		}
		<-time.After(writeTimeout + time.Second)
		synctest.Wait()
		if got := testutil.ToFloat64(h.opts.Metrics.sseClients); got != 0 {
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
