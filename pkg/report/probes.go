package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// checkTimeout is less than the second that the kubelet waits by default.
const checkTimeout = 500 * time.Millisecond

// check is one condition of a probe. It changes nothing and returns soon.
type check struct {
	name string
	run  func(context.Context) error
}

// Health is what the probes ask of whoever keeps the history. Both methods return at
// once, and name nothing of the cluster: anyone may read what they say.
type Health interface {
	// Alive returns nil unless only a restart helps.
	Alive() error
	// Ready returns nil unless what happens cannot be kept at the moment.
	Ready() error
}

// probeHandler serves the probes. None of them depends on the API server: its
// failure is no reason to restart crdwatch, or to send its clients away.
func (s *Server) probeHandler() http.Handler {
	ledger := check{"ledger", s.handler.opts.Ledger.Alive}
	live := []check{ledger, {"report-server", s.accepting}}
	started := []check{ledger}
	ready := []check{{"shutdown", s.notDraining}, {"resources", s.synced}}
	if s.history != nil {
		live = append(live, check{"history", func(context.Context) error { return s.history.Alive() }})
		started = append(started, check{"history", s.handler.opts.Ledger.historyOpen})
		ready = append(ready, check{"history", func(context.Context) error { return s.history.Ready() }})
	}
	mux := http.NewServeMux()
	mux.Handle("/livez", probe("livez", live...))
	mux.Handle("/healthz", probe("livez", live...))
	mux.Handle("/startupz", probe("startupz", started...))
	mux.Handle("/readyz", probe("readyz", ready...))
	return mux
}

func (s *Server) accepting(context.Context) error {
	ended := s.reportEnded.Load()
	switch {
	case ended == nil:
		return nil
	case *ended == nil:
		return errors.New("it accepts no more connections")
	}
	return *ended
}

func (s *Server) notDraining(context.Context) error {
	if s.draining.Load() {
		return errors.New("the process is shutting down")
	}
	return nil
}

func (s *Server) synced(context.Context) error {
	return s.handler.Ready()
}

// probe answers in the words of kube-apiserver: ok, or with ?verbose or when
// something failed, one line for each check.
func probe(name string, checks ...check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		report, ok := runChecks(r.Context(), checks)
		switch {
		case !ok:
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "%s%s check failed\n", report, name)
		case r.URL.Query().Has("verbose"):
			fmt.Fprintf(w, "%s%s check passed\n", report, name)
		default:
			fmt.Fprint(w, "ok")
		}
	})
}

func runChecks(ctx context.Context, checks []check) (report string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var b strings.Builder
	ok = true
	for _, c := range checks {
		if err := c.run(ctx); err != nil {
			ok = false
			fmt.Fprintf(&b, "[-]%s failed: %s\n", c.name, plain(err.Error()))
			continue
		}
		fmt.Fprintf(&b, "[+]%s ok\n", c.name)
	}
	return b.String(), ok
}
