package access

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/crdwatch/crdwatch/test/patience"
)

// The connections of a flood, by what they do.
const (
	mute    = 700 // say nothing, not even that they want TLS
	slow    = 700 // begin a request, and do not go on
	streams = 600 // ask for a live stream, all as the same user
	// ofOne is how many streams INTERFACE.md gives to one user.
	ofOne = 8
	// memory is what the flood may cost: 64 KiB for each.
	memory = (mute + slow + streams) * 64 << 10
)

// TestFlood: 2,000 connections that want nothing good change little for those that do.
// Commits go on, healthy clients miss nothing, memory is bounded, and the connections are
// got rid of.
func TestFlood(t *testing.T) {
	const group, writes = "flood.example.com", 200
	s := newSmall(t, group)
	token, err := shared.Token(t.Context(), "team", "flooder")
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.Grant(t.Context(), "system:serviceaccount:team:flooder", s.reading()); err != nil {
		t.Fatal(err)
	}
	e := serve(t, group)
	admin := e.client(shared.Config())
	healthy, _, err := e.follow(t.Context(), admin, "resource="+s.crd.Name())
	if err != nil {
		t.Fatal(err)
	}
	quiet := s.load(e, admin, writes)
	f := flood(t, e, token)
	flooded := s.load(e, admin, writes)
	t.Logf("commits take %v at p99, in the flood %v; RSS %d MiB, %d MiB", quiet.p99, flooded.p99, quiet.rss>>20, flooded.rss>>20)
	if more := flooded.rss - quiet.rss; more > memory {
		t.Errorf("the flood costs %d MiB, more than %d", more>>20, memory>>20)
	}
	f.check(t)
	shown := goodbye(t, e, healthy)
	for n := range s.writes {
		if mark := fmt.Sprintf("mark-%d.", n+1); !strings.Contains(shown, mark) {
			t.Errorf("the healthy client misses %s", mark)
		}
	}
}

// measured is what a load costs.
type measured struct {
	p99 time.Duration
	rss int64
}

// load writes at a pace that leaves the API server something, as long as that takes.
func (s *small) load(e *endpoint, admin *http.Client, writes int) measured {
	s.t.Helper()
	before := commits(s.t, e, admin)
	pace := time.NewTicker(25 * time.Millisecond)
	defer pace.Stop()
	for range writes - 1 {
		<-pace.C
		if _, err := s.write(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	s.writeSeen(e, admin)
	return measured{p99: p99(before, commits(s.t, e, admin)), rss: rss(s.t, e.PID())}
}

// commits is the histogram of the time that commits took.
func commits(t *testing.T, e *endpoint, admin *http.Client) *dto.Histogram {
	t.Helper()
	code, body, err := e.get(t.Context(), admin, "/metrics", "text/plain")
	if err != nil || code != http.StatusOK {
		t.Fatalf("%d, %v: %.300s", code, err, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return families["crdwatch_commit_duration_seconds"].GetMetric()[0].GetHistogram()
}

// p99 is the upper bound of the bucket in which it lies.
func p99(before, after *dto.Histogram) time.Duration {
	all := after.GetSampleCount() - before.GetSampleCount()
	for i, b := range after.GetBucket() {
		if n := b.GetCumulativeCount() - before.GetBucket()[i].GetCumulativeCount(); n*100 >= all*99 {
			return time.Duration(b.GetUpperBound() * float64(time.Second))
		}
	}
	return -1
}

func rss(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// flooding are connections, and how the requests on them were answered.
type flooding struct {
	unanswered []net.Conn
	codes      map[int]int
}

func flood(t *testing.T, e *endpoint, token string) flooding {
	t.Helper()
	f := flooding{codes: map[int]int{}}
	address := strings.TrimPrefix(e.url, "https://")
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	secure := func(text string) *tls.Conn {
		conn := tls.Client(dial(), &tls.Config{RootCAs: e.roots(), ServerName: "localhost", NextProtos: []string{"http/1.1"}})
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for range streams {
		f.codes[f.ask(t, secure("GET /api/v1/events?watch=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+token+"\r\n\r\n"))]++
	}
	for range slow {
		f.unanswered = append(f.unanswered, secure("GET /api/v1/events HTTP/1.1\r\nHost: local"))
	}
	for range mute {
		f.unanswered = append(f.unanswered, dial())
	}
	return f
}

// ask reads the head of an answer, and leaves the connection open.
func (flooding) ask(t *testing.T, conn net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
		t.Error("429 does not say when to come back")
	}
	return resp.StatusCode
}

// check wants the connections that never ask for anything to be closed, and one user to
// have few streams.
func (f flooding) check(t *testing.T) {
	t.Helper()
	if f.codes[http.StatusOK] != ofOne || f.codes[http.StatusTooManyRequests] != streams-ofOne {
		t.Errorf("%d streams of one user were answered with %v", streams, f.codes)
	}
	deadline := time.Now().Add(patience.Limit)
	open := 0
	for _, conn := range f.unanswered {
		_ = conn.SetReadDeadline(deadline)
		if _, err := conn.Read(make([]byte, 1)); os.IsTimeout(err) {
			open++
		}
	}
	if open > 0 {
		t.Errorf("%d connections that ask for nothing are still open", open)
	}
}
