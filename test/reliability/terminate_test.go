package reliability

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/test/scribe"
)

// TestTerminatedUnderLoad ends the server, as a rolling update does, while it is written
// to and many clients follow. All of them are told where to go on, and by then no more
// clients are sent here; those who come back have everything once.
func TestTerminatedUnderLoad(t *testing.T) {
	const group, clients = "terminate.example.com", 20
	crds := scribe.Install(t, shared, group, 4)
	s := newServer(t, shared.Kubeconfig(), group)
	s.startReady()
	team := scribe.NewTeam(t, shared, crds, *seed)
	var all []*client
	for range clients {
		c := &client{t: t}
		c.follow(s)
		all = append(all, c)
	}
	stop := writing(t, team)
	for range 3 {
		for _, c := range all {
			c.awaitMore(50)
		}
		endUnderLoad(t, s, all)
		s.startReady()
		for _, c := range all {
			c.follow(s)
		}
	}
	stop()
	last := team.Mark()
	s.await(last...)
	for _, c := range all {
		c.await(last...)
	}
	s.terminate()
	s.judge(team.Ledger()).wantGaps(t, nil)
	history := s.history()
	for _, c := range all {
		c.ended()
		c.compare(history)
	}
}

// endUnderLoad sends SIGTERM, and holds what happens against what is promised.
func endUnderLoad(t *testing.T, s *server, all []*client) {
	t.Helper()
	_, probes := s.Addresses()
	began := time.Now()
	s.Signal(syscall.SIGTERM)
	var working sync.WaitGroup
	for _, c := range all {
		working.Go(func() {
			<-c.done
			if readyOf(probes) {
				t.Error("/readyz is ok for a server that has sent its clients away")
			}
		})
	}
	working.Wait()
	if code := s.Wait(15*time.Second - time.Since(began)); code != 0 {
		t.Errorf("exit %d after SIGTERM, with\n%s", code, s.Stderr.Tail())
	}
	t.Logf("ended after %.1f s", time.Since(began).Seconds())
	for i, c := range all {
		if !strings.Contains(c.goodbye, `{"cursor":"`) {
			t.Errorf("client %d was not told where to go on: %q", i, c.goodbye)
		}
	}
}

// readyOf asks once. A server that does not answer any more is not ready.
func readyOf(probes string) bool {
	resp, err := http.Get(probes + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
