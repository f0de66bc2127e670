package reliability

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/test/scribe"
)

// writing lets a team write until the returned function is called, or the test ends.
func writing(t *testing.T, team *scribe.Team) (stop func()) {
	t.Helper()
	stopped := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() { team.Run(stopped, *rate) })
	stop = sync.OnceFunc(func() {
		close(stopped)
		working.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// TestKills kills the program at random points while objects are written: in its first
// moments, while it resumes, and in the middle of its work. Nothing that it lost with
// its memory is lost.
func TestKills(t *testing.T) {
	const group = "kills.example.com"
	crds := scribe.Install(t, shared, group, 4)
	s := newServer(t, shared.Kubeconfig(), group)
	s.startReady()
	team := scribe.NewTeam(t, shared, crds, *seed)
	began := time.Now()
	stop := writing(t, team)
	random := rand.New(rand.NewPCG(*seed, 2))
	for n := range *kills {
		if n%4 == 0 {
			s.AwaitReady()
		}
		<-time.After(time.Duration(random.Int64N(1500)) * time.Millisecond)
		s.kill()
		s.start()
	}
	stop()
	took := time.Since(began)
	s.await(team.Mark()...)
	s.terminate()
	s.judge(team.Ledger()).wantGaps(t, nil)
	t.Logf("%d kills, %.0f writes/s", *kills, float64(team.Ledger().Len())/took.Seconds())
}
