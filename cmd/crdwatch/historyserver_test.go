package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// inventory has the types of the scenario that exist.
type inventory struct{ unready error }

func (i inventory) Ready() error { return i.unready }

func (i inventory) Namespaces(types.UID) map[string]int { return nil }

func (i inventory) Statuses() []watch.Status {
	var statuses []watch.Status
	for _, ref := range []watch.ResourceRef{certificates, certs} {
		statuses = append(statuses, watch.Status{State: watch.Synced, Resource: discovery.Resource{
			CRD: ref.Name(), Kind: ref.Kind, Namespaced: true, ServedVersions: []string{ref.Version},
			GVR: schema.GroupVersionResource{Group: ref.Group, Version: ref.Version, Resource: ref.Resource},
		}})
	}
	return statuses
}

// endpoint is a report endpoint with the scenario in memory.
func endpoint(unready error) http.Handler {
	ledger := report.NewLedger(report.LedgerOptions{})
	for _, ev := range scenario() {
		ledger.Record(ev)
	}
	return report.NewHandler(report.HandlerOptions{
		Ledger: ledger, Inventory: inventory{unready}, Metrics: report.NewMetrics(report.Build{}),
	})
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestHistoryFromServer(t *testing.T) {
	url := serve(t, endpoint(nil))
	prefixed := serve(t, http.StripPrefix("/below", endpoint(nil)))
	for name, test := range map[string]struct{ args, want string }{
		"all namespaces": {"certificates/tls --server " + url, "1 2 4 5 8"},
		"one namespace":  {"Certificate/tls -n web --server " + url, "1 4 5 8"},
		"newest":         {"certificates/tls --limit 2 --server " + url, "5 8"},
		"ignore status":  {"certificates/tls -n web --ignore-status --server " + url, "1 5 8"},
		"manager":        {"certificates/tls --manager helm --server " + url, "2 5"},
		"since":          {"certificates/tls --since 2026-11-20T11:00:00Z --server " + url, "4 5 8"},
		"deleted CRD":    {"widgets.example.com/tls --server " + url, "7"},
		"below a path":   {"certs/tls --server " + prefixed + "/below/", "6"},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, append(strings.Fields("history -o jsonl"), strings.Fields(test.args)...)...)
			if seqs := shown(t, got.out); got.code != exitDone || seqs != test.want {
				t.Errorf("exit code %d, events %q, want %q; %s", got.code, seqs, test.want, got.errors)
			}
		})
	}
	got := program(t, "history", "certificates/tls", "-n", "db", "-o", "jsonl", "--server", url)
	if !strings.Contains(got.out, `"new":9007199254740993`) {
		t.Errorf("the integer is another one: %s", got.out)
	}
	got = program(t, "history", "certs/none", "--server", url)
	want := "no events of certs.example.com/none: it did not change, or is not there; the history reaches back to " + morning.In(time.Local).Format(time.DateTime)
	if got.code != exitDone || !strings.Contains(got.errors, want) {
		t.Errorf("exit code %d, stderr %q, want %q", got.code, got.errors, want)
	}
}

func TestHistoryServerRefuses(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	ready := serve(t, endpoint(nil))
	// It must not be led anywhere, with a token least of all.
	redirect := serve(t, http.RedirectHandler(ready, http.StatusFound))
	for name, test := range map[string]struct{ url, typ, want string }{
		"not ready":      {serve(t, endpoint(fmt.Errorf("1 of 2 resources"))), "certs", " is not ready: not ready yet: 1 of 2 resources"},
		"unknown type":   {ready, "cets", `knows no custom resource type "cets"; the nearest are: certs.example.com, `},
		"nobody":         {gone.URL, "certs", "cannot reach the server " + gone.URL},
		"something else": {serve(t, http.NotFoundHandler()), "certs", "is it the report endpoint of crdwatch serve?"},
		"a redirect":     {redirect, "certs", "answers 302 Found"},
		"cut off":        {serve(t, cutOff()), "certs", "the answer is cut off"},
		"no event":       {serve(t, lines("{\"seq\":\"x\"}\n")), "certs", "reading events from "},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, "history", test.typ+"/tls", "-o", "jsonl", "--server", test.url)
			if got.code != exitUsage || !strings.Contains(got.errors, test.want) {
				t.Errorf("exit code %d, stderr %q, want %q", got.code, got.errors, test.want)
			}
		})
	}
}

// lines answers a request for events with text, and others as the endpoint does.
func lines(text string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", endpoint(nil))
	mux.HandleFunc("/api/v1/events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprint(w, text)
	})
	return mux
}

// cutOff ends an answer as a server does that cannot complete it.
func cutOff() http.Handler {
	whole := lines(`{"seq":6,"type":"MODIFIED","resource":{"group":"example.com","resource":"certs"},"name":"tls"}` + "\n")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole.ServeHTTP(w, r)
		if r.URL.Path == "/api/v1/events" {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut an answer short
		}
	})
}

// TestHistoryToken goes with the request when it is given, and only then.
func TestHistoryToken(t *testing.T) {
	var seen atomic.Value
	h := endpoint(nil)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"))
		h.ServeHTTP(w, r)
	}))
	for _, want := range []string{"", "Bearer secret"} {
		args := []string{"history", "certs/tls", "--server", url}
		if want != "" {
			args = append(args, "--token", "secret")
		}
		res := program(t, args...)
		if got := seen.Load(); res.code != exitDone || got != want {
			t.Errorf("exit code %d, got %q, want %q; %s", res.code, got, want, res.errors)
		}
	}
	res := program(t, "history", "certs/tls", "--server", "http://crdwatch.invalid", "--token", "secret")
	if res.code != exitUsage || !strings.Contains(res.errors, "in the clear") {
		t.Errorf("exit code %d: %s", res.code, res.errors)
	}
}

// TestHistoryOverTLS trusts whom it is told to.
func TestHistoryOverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(endpoint(nil))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got := program(t, "history", "certs/tls", "-o", "jsonl", "--server", s.URL)
	if got.code != exitUsage || !strings.Contains(got.errors, "--certificate-authority") {
		t.Errorf("without the authority: exit code %d: %s", got.code, got.errors)
	}
	got = program(t, "history", "certs/tls", "-o", "jsonl", "--server", s.URL, "--certificate-authority", ca, "--token", "secret")
	if seqs := shown(t, got.out); got.code != exitDone || seqs != "6" {
		t.Errorf("exit code %d, events %q; %s", got.code, seqs, got.errors)
	}
}
