package reliability

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// server is crdwatch serve on one data directory, started again and again.
type server struct {
	t          *testing.T
	kubeconfig string
	dir        string
	args       []string
	*program.Program
	// starts counts them; read is how far the history was read by await, and found
	// the IDs in it.
	starts int
	read   uint64
	found  map[string]bool
	gaps   []watch.Event
}

// newServer makes one that watches a group, and does not start it.
func newServer(t *testing.T, kubeconfig, group string) *server {
	t.Helper()
	return &server{
		t: t, kubeconfig: kubeconfig, dir: t.TempDir(), found: map[string]bool{},
		args: []string{"--group", "*." + group},
	}
}

func newProxy(t *testing.T, cp *controlplane.ControlPlane) (p *controlplane.Proxy, kubeconfig string) {
	t.Helper()
	p, err := cp.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if kubeconfig, err = p.Kubeconfig(); err != nil {
		t.Fatal(err)
	}
	return p, kubeconfig
}

// start starts the program, and does not wait for anything.
func (s *server) start() {
	s.t.Helper()
	args := append([]string{"serve", "--data-dir", s.dir, "--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0"}, s.args...)
	s.Program = program.Start(s.t, s.kubeconfig, args...)
	s.starts++
}

// startReady waits until it is ready.
func (s *server) startReady() {
	s.t.Helper()
	s.start()
	s.AwaitReady()
}

// kill ends it as kill -9 does: whatever it has only in its memory is gone.
func (s *server) kill() {
	s.t.Helper()
	s.Signal(syscall.SIGKILL)
	s.Wait(patience.Limit)
}

// terminate ends it as Kubernetes does, which waits 30 s; it has 15.
func (s *server) terminate() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(15 * time.Second); code != 0 {
		s.t.Errorf("exit %d after SIGTERM, with\n%s", code, s.Stderr.Tail())
	}
}

// await waits until all these IDs are in the history on disk.
func (s *server) await(ids ...string) {
	s.t.Helper()
	patience.Until(s.t, "the last writes are in the history", func() (bool, string) {
		err := s.readOn()
		var missing []string
		for _, id := range ids {
			if !s.found[id] {
				missing = append(missing, id)
			}
		}
		return len(missing) == 0, fmt.Sprintf("%q are not, %d others are, %v\n%s", missing, len(s.found), err, s.Stderr.Tail())
	})
}

// awaitGaps waits until there are so many GAPs of each of the resources.
func (s *server) awaitGaps(n int, resources ...string) {
	s.t.Helper()
	patience.Until(s.t, fmt.Sprintf("%d GAPs of each of %q are in the history", n, resources), func() (bool, string) {
		err := s.readOn()
		enough := true
		found := s.gapCount()
		for _, r := range resources {
			enough = enough && found[r] >= n
		}
		return enough, fmt.Sprintf("%v, %v\n%s", found, err, s.Stderr.Tail())
	})
}

func (s *server) gapCount() map[string]int {
	n := map[string]int{}
	for _, ev := range s.gaps {
		n[ev.Resource.Name()]++
	}
	return n
}

// readOn takes in what is new in the history, beside the server that writes it.
func (s *server) readOn() error {
	return reading(s.t.Context(), s.dir, func(r *store.Reader) error {
		for ev, err := range r.Events(s.t.Context(), store.Query{After: s.read}) {
			if err != nil {
				return err
			}
			s.read = ev.Seq
			s.found[ev.ID] = true
			if ev.Type == watch.Gap {
				s.gaps = append(s.gaps, ev)
			}
		}
		return nil
	})
}

func reading(ctx context.Context, dir string, read func(*store.Reader) error) error {
	r, err := store.OpenReadOnly(ctx, dir)
	if err != nil {
		return err
	}
	return errors.Join(read(r), r.Close())
}

// verdict is what a history was found to be.
type verdict struct {
	events  int
	origins map[watch.Origin]int
	gaps    map[string]int
}

// judge reads the whole history, compares it with what was written, and checks it as
// crdwatch store check does. The CRDs that came and went are named.
func (s *server) judge(ledger scribe.Ledger, churned ...string) verdict {
	s.t.Helper()
	var v verdict
	err := reading(s.t.Context(), s.dir, func(r *store.Reader) error {
		var gaps []watch.Event
		for ev, err := range r.Events(s.t.Context(), store.Query{Type: watch.Gap}) {
			if err != nil {
				return err
			}
			gaps = append(gaps, ev)
		}
		j := scribe.NewJudge(ledger, gaps)
		j.Churned = map[string]bool{}
		for _, name := range churned {
			j.Churned[name] = true
		}
		for ev, err := range r.Events(s.t.Context(), store.Query{}) {
			if err != nil {
				return err
			}
			v.events++
			j.Take(ev)
		}
		if problems := j.Finish(); len(problems) > 0 {
			s.t.Errorf("the history is not what was written:\n%s", strings.Join(problems, "\n"))
		}
		v.origins, v.gaps = j.Origins, j.Gaps()
		report, err := r.Check(s.t.Context())
		if len(report.Faults) > 0 {
			s.t.Errorf("the check of the history finds\n%s", strings.Join(report.Faults, "\n"))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%d writes, %d events %v, %d starts, gaps %v", ledger.Len(), v.events, v.origins, s.starts, v.gaps)
	return v
}

// wantGaps fails for every resource that has not as many GAPs as it should.
func (v verdict) wantGaps(t *testing.T, want map[string]int) {
	t.Helper()
	for resource := range v.gaps {
		if _, ok := want[resource]; !ok {
			t.Errorf("%d GAPs of %s, which has lost nothing", v.gaps[resource], resource)
		}
	}
	for resource, n := range want {
		if v.gaps[resource] != n {
			t.Errorf("%d GAPs of %s, want %d", v.gaps[resource], resource, n)
		}
	}
}
