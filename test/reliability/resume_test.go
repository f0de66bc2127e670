package reliability

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// lists counts the requests for all objects of a group's resources, in any form.
type lists struct {
	mu   sync.Mutex
	seen map[string]int
}

// observe counts, and disturbs nothing.
func (l *lists) observe(p *controlplane.Proxy, group string) {
	list := controlplane.Verb("list")
	p.Always(controlplane.Cut(), func(r *http.Request) bool {
		if strings.Contains(r.URL.Path, group) && (list(r) || r.URL.Query().Get("sendInitialEvents") == "true") {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.seen[r.URL.Path]++
		}
		return false
	})
}

func (l *lists) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, times := range l.seen {
		n += times
	}
	return n
}

// TestResume: a restart costs the API server no list, and what was written meanwhile
// is told as what it is.
func TestResume(t *testing.T) {
	const group = "resume.example.com"
	crds := scribe.Install(t, shared, group, 4)
	p, kubeconfig := newProxy(t, shared)
	l := &lists{seen: map[string]int{}}
	l.observe(p, group)
	s := newServer(t, kubeconfig, group)
	s.startReady()
	// A new API server may have to be asked twice.
	first := l.count()
	if first < len(crds) {
		t.Fatalf("%d lists at the first start, want one of each of %d resources", first, len(crds))
	}
	team := scribe.NewTeam(t, shared, crds, *seed)
	team.Write(200)
	s.await(team.Mark()...)
	s.terminate()
	before := p.Stats()
	team.Write(200)
	last := team.Mark()
	s.startReady()
	s.await(last...)
	s.terminate()
	if n := l.count(); n != first {
		t.Errorf("%d lists after a restart, want none: %v", n-first, l.seen)
	}
	v := s.judge(team.Ledger())
	v.wantGaps(t, nil)
	if want := 200 + len(crds); v.origins[watch.Resumed] < want || v.origins[watch.Reconciled] > 0 {
		t.Errorf("origins %v, want at least %d resumed and none reconciled", v.origins, want)
	}
	for key, n := range p.Stats().Requests {
		if n -= before.Requests[key]; n > 0 && !strings.Contains(key.Path, group) {
			t.Logf("at the second start: %d times %s %s", n, key.Verb, key.Path)
		}
	}
}

// TestRefused: a directory has one server, and one cluster.
func TestRefused(t *testing.T) {
	const group = "refused.example.com"
	scribe.Install(t, shared, group, 1)
	s := newServer(t, shared.Kubeconfig(), group)
	s.startReady()
	refused(t, s, shared.Kubeconfig(), "in use")
	s.terminate()
	other := controlplane.StartT(t, controlplane.Options{})
	refused(t, s, other.Kubeconfig(), "another cluster", "of cluster")
	// Neither did any harm.
	s.startReady()
	s.terminate()
	s.judge(scribe.Ledger{}).wantGaps(t, nil)
}

// refused starts a second server on a directory, which must say why it cannot be.
func refused(t *testing.T, s *server, kubeconfig string, anyOf ...string) {
	t.Helper()
	p := program.Start(t, kubeconfig, "serve", "--data-dir", s.dir, "--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0")
	code := p.Wait(patience.Limit)
	said := 0
	for _, words := range anyOf {
		said += p.Stderr.Count("error: ", words, s.dir)
	}
	if code != 2 || said == 0 {
		t.Errorf("exit %d, want 2 and one of %q in\n%s", code, anyOf, p.Stderr)
	}
}

// TestStreamAcrossRestarts: a client of the live stream that comes back with the last
// ID that it has gets each event once, whatever happened to the server meanwhile. What
// it was shown is in the history: nothing is shown that a crash could undo.
func TestStreamAcrossRestarts(t *testing.T) {
	const group = "stream.example.com"
	crds := scribe.Install(t, shared, group, 2)
	s := newServer(t, shared.Kubeconfig(), group)
	s.startReady()
	team := scribe.NewTeam(t, shared, crds, *seed)
	c := &client{t: t}
	c.follow(s)
	stop := writing(t, team)
	for n := range 6 {
		c.awaitMore(100)
		if n%2 == 0 {
			s.terminate()
		} else {
			s.kill()
		}
		c.ended()
		s.startReady()
		c.follow(s)
	}
	stop()
	last := team.Mark()
	s.await(last...)
	c.await(last...)
	s.Signal(syscall.SIGTERM)
	c.ended()
	if code := s.Wait(patience.Limit); code != 0 {
		t.Errorf("exit %d after SIGTERM", code)
	}
	s.judge(team.Ledger()).wantGaps(t, nil)
	c.compare(s.history())
	t.Logf("%d events over %d connections", len(c.events), c.connections)
}
