package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
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
