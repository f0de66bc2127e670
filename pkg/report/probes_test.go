package report

import (
	"errors"
	"sync/atomic"
	"testing"
)

// health is what a test makes of the history.
type health struct{ alive, ready atomic.Pointer[error] }

func (h *health) Alive() error { return *h.alive.Load() }
func (h *health) Ready() error { return *h.ready.Load() }

func (h *health) set(alive, ready error) {
	h.alive.Store(&alive)
	h.ready.Store(&ready)
}

func TestProbesAskTheHistory(t *testing.T) {
	kept := &health{}
	r := runWith(t, kept)
	gone, full := errors.New("the writer has ended"), errors.New("no space")
	for name, tc := range map[string]struct {
		alive, ready error
		livez        string
		readyz       string
	}{
		"well": {nil, nil, "[+]ledger ok\n[+]report-server ok\n[+]history ok\nlivez check passed\n",
			"[+]shutdown ok\n[+]resources ok\n[+]history ok\nreadyz check passed\n"},
		"full": {nil, full, "[+]ledger ok\n[+]report-server ok\n[+]history ok\nlivez check passed\n",
			"[+]shutdown ok\n[+]resources ok\n[-]history failed: no space\nreadyz check failed\n"},
		"dead": {gone, nil, "[+]ledger ok\n[+]report-server ok\n[-]history failed: the writer has ended\nlivez check failed\n",
			"[+]shutdown ok\n[+]resources ok\n[+]history ok\nreadyz check passed\n"},
	} {
		kept.set(tc.alive, tc.ready)
		for path, want := range map[string]string{"/livez": tc.livez, "/healthz": tc.livez, "/readyz": tc.readyz,
			"/startupz": "[+]ledger ok\n[+]history ok\nstartupz check passed\n"} {
			if _, body := r.probe(t, path+"?verbose"); body != want {
				t.Errorf("%s, %s: %q, want %q", name, path, body, want)
			}
		}
	}
}
