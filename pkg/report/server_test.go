package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// running is a Server that serves on ports of its own.
type running struct {
	*Server
	ledger    *Ledger
	inventory *gatedInventory
	cancel    context.CancelFunc
	ended     chan error
}

// gatedInventory can hold a request for the inventory back.
type gatedInventory struct {
	fixture
	entered, release chan struct{}
}

func (g *gatedInventory) Statuses() []watch.Status {
	g.entered <- struct{}{}
	<-g.release
	return nil
}

func run(t *testing.T) *running {
	t.Helper()
	return runWith(t, nil)
}

func runWith(t *testing.T, history Health) *running {
	t.Helper()
	r := &running{ledger: NewLedger(LedgerOptions{}), ended: make(chan error, 1)}
	r.inventory = &gatedInventory{entered: make(chan struct{}), release: make(chan struct{})}
	h := NewHandler(HandlerOptions{Ledger: r.ledger, Inventory: r.inventory, Metrics: NewMetrics(Build{})})
	server, err := Listen(t.Context(), ServerOptions{
		ReportAddress: "127.0.0.1:0", ProbeAddress: "127.0.0.1:0", Handler: h, Logger: slog.New(slog.DiscardHandler),
		History: history,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = server
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.Run(ctx); close(r.ended) }()
	t.Cleanup(func() { cancel(); <-r.ended })
	return r
}

// probe asks the probe server and returns code and body.
func (r *running) probe(t *testing.T, path string) (int, string) {
	t.Helper()
	return fetch(t, "http://"+r.ProbeAddr().String()+path)
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	resp := open(t, url)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// eventually asks until the answer has the code; there is nothing to wait on when
// the accept loop of a foreign server ends.
func (r *running) eventually(t *testing.T, path string, code int) string {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		got, body := r.probe(t, path)
		if got == code {
			return body
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s still answers %d: %s", path, got, body)
		}
	}
}

func TestProbesWhenAllIsWell(t *testing.T) {
	r := run(t)
	for path, want := range map[string]string{
		"/livez":            "ok",
		"/healthz":          "ok",
		"/startupz":         "ok",
		"/readyz":           "ok",
		"/livez?verbose":    "[+]ledger ok\n[+]report-server ok\nlivez check passed\n",
		"/healthz?verbose":  "[+]ledger ok\n[+]report-server ok\nlivez check passed\n",
		"/startupz?verbose": "[+]ledger ok\nstartupz check passed\n",
		"/readyz?verbose=1": "[+]shutdown ok\n[+]resources ok\nreadyz check passed\n",
	} {
		if code, body := r.probe(t, path); code != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", path, code, body, want)
		}
	}
	if code, _ := r.probe(t, "/metrics"); code != http.StatusNotFound {
		t.Errorf("the probe server serves more than probes: %d", code)
	}
}

func TestReadyzLatches(t *testing.T) {
	r := run(t)
	r.inventory.setReady(errors.New("3 of 12 resources are still syncing"))
	code, body := r.probe(t, "/readyz")
	if want := "[+]shutdown ok\n[-]resources failed: 3 of 12 resources are still syncing\nreadyz check failed\n"; code != 503 || body != want {
		t.Errorf("before: %d %q", code, body)
	}
	if code, _ := r.probe(t, "/livez"); code != http.StatusOK {
		t.Errorf("being unready is no reason to be restarted: %d", code)
	}
	for _, state := range []error{nil, errors.New("the API server is away")} {
		r.inventory.setReady(state)
		if code, body := r.probe(t, "/readyz"); code != http.StatusOK {
			t.Errorf("with %v: %d %s", state, code, body)
		}
	}
}

func TestLivezFailsWhenTheReportServerHasEnded(t *testing.T) {
	r := run(t)
	r.eventually(t, "/livez", http.StatusOK)
	r.reportListener.Close()
	body := r.eventually(t, "/livez", http.StatusServiceUnavailable)
	if !strings.Contains(body, "[-]report-server failed: ") || !strings.Contains(body, "[+]ledger ok") {
		t.Error(body)
	}
	select {
	case err := <-r.ended:
		t.Fatalf("Run ended: %v", err)
	default:
	}
	if code, _ := r.probe(t, "/startupz"); code != http.StatusOK {
		t.Errorf("startupz: %d", code)
	}
	r.cancel()
	if err := <-r.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
}

func TestLivezFailsWhenTheLedgerIsStuck(t *testing.T) {
	r := run(t)
	r.ledger.mu.Lock()
	code, body := r.probe(t, "/livez")
	r.ledger.mu.Unlock()
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "[-]ledger failed: ") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := r.probe(t, "/livez"); code != http.StatusOK {
		t.Errorf("after it went on: %d %s", code, body)
	}
}

func TestRunEndsWhenTheProbesHaveEnded(t *testing.T) {
	r := run(t)
	r.probe(t, "/livez")
	r.probeListener.Close()
	if err := <-r.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
	if _, err := net.Dial("tcp", r.ReportAddr().String()); err == nil {
		t.Error("the report server is still there")
	}
}

func TestShutdownOrder(t *testing.T) {
	r := run(t)
	base := "http://" + r.ReportAddr().String()
	resp := open(t, base+"/api/v1/events?watch=true")
	defer resp.Body.Close()
	slow := make(chan int)
	go func() {
		code, _ := fetch(t, base+"/api/v1/resources")
		slow <- code
	}()
	<-r.inventory.entered
	fill(r.ledger, 1)
	r.cancel()
	m := newMessages(resp.Body)
	for _, want := range []string{"", "shutdown"} {
		if msg, err := m.next(); err != nil || msg.event != want {
			t.Fatalf("got %v, %v; want event %q", msg, err, want)
		}
	}
	// Clients were told; the slow request holds the draining up; the probes answer.
	if code, body := r.probe(t, "/readyz"); code != 503 || !strings.Contains(body, "[-]shutdown failed: ") {
		t.Errorf("readyz: %d %s", code, body)
	}
	r.eventually(t, "/livez", http.StatusServiceUnavailable)
	if _, err := net.Dial("tcp", r.ReportAddr().String()); err == nil {
		t.Error("the report server still accepts connections")
	}
	close(r.inventory.release)
	if code := <-slow; code != http.StatusOK {
		t.Errorf("the request that ran: %d", code)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestDrainingHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer client.Close()
		entered, release := make(chan struct{}), make(chan struct{})
		s := newHTTPServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-release
		}), slog.New(slog.DiscardHandler))
		served := make(chan error)
		go func() { served <- serve(s, newOneListener(server), "test") }()
		fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		<-entered
		start := time.Now()
		if err := shutdown(t.Context(), s, drainTimeout, "test"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != drainTimeout {
			t.Errorf("took %s", took)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		close(release)
	})
}

func TestClientThatSendsNoHeaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		s := newHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
		served := make(chan error)
		go func() { served <- serve(s, newOneListener(server), "test") }()
		start := time.Now()
		fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: ")
		io.Copy(io.Discard, client)
		if took := time.Since(start); took != readHeaderTimeout {
			t.Errorf("took %s", took)
		}
		s.Close()
		<-served
	})
}

func TestPortInUseIsAnErrorBeforeAnythingRuns(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h, _ := newTestHandler(NewLedger(LedgerOptions{}))
	for name, opts := range map[string]ServerOptions{
		"report": {ReportAddress: taken.Addr().String(), ProbeAddress: "127.0.0.1:0"},
		"probe":  {ReportAddress: "127.0.0.1:0", ProbeAddress: taken.Addr().String()},
	} {
		opts.Handler, opts.Logger = h, slog.New(slog.DiscardHandler)
		if _, err := Listen(t.Context(), opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
