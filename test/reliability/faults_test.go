package reliability

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// saboteur breaks the way between a server and the API server.
type saboteur struct {
	t      *testing.T
	proxy  *controlplane.Proxy
	random *rand.Rand
	crds   []scribe.CRD
	// count is the number of faults so far, by kind; gone the 410s by resource.
	count map[string]int
	gone  map[string]int
	// clear ends the faults of the last round that last.
	clear []func()
	// stalled are the resources whose watch was, and may be in the middle of an event:
	// there nothing can be said in the stream.
	stalled map[string]bool
}

// brief is how long an outage is. A stalled watch stays so for a round.
const brief = 150 * time.Millisecond

// A fault of a watch returns how many new requests it must lead to.
type fault func(s *saboteur, watches controlplane.Matcher) (again int)

// answered has the next requests of a watch refused, and cuts it.
func answered(code int, reason metav1.StatusReason) fault {
	return func(s *saboteur, watches controlplane.Matcher) int {
		n := 1 + s.random.IntN(2)
		s.next(n, controlplane.RespondStatus(code, reason, "as the test wants it", 0), watches)
		s.proxy.Now(controlplane.Cut(), watches)
		return n + 1
	}
}

// next is Proxy.Next until the next round.
func (s *saboteur) next(n int, f controlplane.Fault, watches controlplane.Matcher) {
	s.clear = append(s.clear, s.proxy.Next(n, f, watches).Clear)
}

// twice lets a watch deliver every event once more.
func twice(event []byte) []byte { return slices.Concat(event, event) }

func ending(f controlplane.Fault) fault {
	return func(s *saboteur, watches controlplane.Matcher) int { return s.proxy.Now(f, watches).Hits() }
}

// ofWatches are the faults of one watch. The protocol allows no other order within one:
// it comes in the order of the resourceVersions, and a client depends on that to know
// from where it can go on. The events of different resources come in no order at all,
// which stalling one of them shows. A repetition breaks no order that a client can
// depend on, although the API server promises that there is none.
var ofWatches = map[string]fault{
	"cut":       ending(controlplane.Cut()),
	"truncated": ending(controlplane.Truncate()),
	"ended":     ending(controlplane.End()),
	"429":       answered(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests),
	"500":       answered(http.StatusInternalServerError, metav1.StatusReasonInternalError),
	"500 in the stream": ending(controlplane.ErrorEvent(
		http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd is busy")),
	"duplicated": func(s *saboteur, watches controlplane.Matcher) int {
		s.next(1, controlplane.Rewrite(twice), watches)
		return s.proxy.Now(controlplane.Cut(), watches).Hits()
	},
	"stalled": func(s *saboteur, watches controlplane.Matcher) int {
		s.clear = append(s.clear, s.proxy.Now(controlplane.Stall(), watches).Clear)
		return 0
	},
}

// gone are the faults that say that history is lost. They are rare, because client-go
// waits longer after each of them.
var gone = map[string]fault{
	"410 in the stream": ending(controlplane.ErrorEvent(http.StatusGone, metav1.StatusReasonExpired, "too old resource version")),
	"410": func(s *saboteur, watches controlplane.Matcher) int {
		s.next(1, controlplane.Expired(), watches)
		s.proxy.Now(controlplane.Cut(), watches)
		return 2
	},
}

// ofConnections are the faults of all connections at once.
var ofConnections = map[string]func(s *saboteur) error{
	"reset": func(s *saboteur) error { s.proxy.CutConnections(); return nil },
	// Nobody says that these are dead: only a ping that is not answered does.
	"half-open": func(s *saboteur) error { s.proxy.HalfOpen(); return nil },
	"blackhole": func(s *saboteur) error {
		s.proxy.Blackhole()
		<-time.After(brief)
		return s.proxy.Restore()
	},
	"refused": func(s *saboteur) error {
		s.proxy.Refuse()
		<-time.After(brief)
		return s.proxy.Restore()
	},
}

// pick draws a name.
func pick[V any](s *saboteur, from map[string]V) (string, V) {
	names := sortedNames(from)
	name := names[s.random.IntN(len(names))]
	return name, from[name]
}

// watches is how often the watch of a resource was asked for.
func (s *saboteur) watches(c scribe.CRD) int {
	n := 0
	for key, count := range s.proxy.Stats().Requests {
		if key.Verb == "watch" && key.Path == "/apis/"+c.Group+"/"+c.GVR().Version+"/"+c.Plural {
			n += count
		}
	}
	return n
}

// release ends the faults of the last round that last.
func (s *saboteur) release() {
	for _, clear := range s.clear {
		clear()
	}
	s.clear = nil
}

// disturb has one fault of every watch, or one of all connections, and waits until all
// watches are back.
func (s *saboteur) disturb() {
	s.release()
	want := map[string]int{}
	if s.random.IntN(8) == 0 {
		for _, c := range s.crds {
			want[c.Name()] = s.watches(c) + 1
		}
		name, f := pick(s, ofConnections)
		if err := f(s); err != nil {
			s.t.Fatal(err)
		}
		s.count[name]++
	} else {
		for _, c := range s.crds {
			want[c.Name()] = s.watches(c) + s.disturbWatch(c)
		}
	}
	patience.Until(s.t, "the watches are back", func() (bool, string) {
		problems := s.notOnce("customresourcedefinitions.apiextensions.k8s.io")
		for _, c := range s.crds {
			problems += s.notOnce(c.Name())
			if again := s.watches(c); again < want[c.Name()] {
				problems += fmt.Sprintf(" %s was asked for %d times of %d", c.Name(), again, want[c.Name()])
			}
		}
		return problems == "", problems
	})
}

// notOnce says where a resource is not watched exactly once. What the audit watches for
// its own questions is nobody's concern here.
func (s *saboteur) notOnce(resource string) string {
	if n := s.proxy.Running(controlplane.Watches(resource)); n != 1 {
		return fmt.Sprintf(" %s has %d watches, not one", resource, n)
	}
	return ""
}

func (s *saboteur) disturbWatch(c scribe.CRD) (again int) {
	name, f := pick(s, ofWatches)
	lost := s.random.IntN(60) == 0
	switch {
	case lost && s.stalled[c.Name()]:
		name, f = "410", gone["410"]
	case lost:
		name, f = pick(s, gone)
	}
	again = f(s, controlplane.Watches(c.Name()))
	s.stalled[c.Name()] = again == 0 && (name == "stalled" || s.stalled[c.Name()])
	if lost && again > 0 {
		s.gone[c.Name()]++
	}
	s.count[name]++
	return again
}

func (s *saboteur) total() int {
	n := 0
	for _, count := range s.count {
		n += count
	}
	return n
}

// TestFaults breaks the way to the API server while objects are written. As long as
// the API server does not say that history is gone, every revision comes through.
func TestFaults(t *testing.T) {
	const group = "faulty.example.com"
	// A dead connection is noticed by pings; not in the 45 s that it takes by default.
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	t.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "1")
	crds := scribe.Install(t, shared, group, 8)
	p, kubeconfig := newProxy(t, shared)
	s := newServer(t, kubeconfig, group)
	s.startReady()
	team := scribe.NewTeam(t, shared, crds, *seed)
	stop := writing(t, team)
	sab := &saboteur{
		t: t, proxy: p, random: rand.New(rand.NewPCG(*seed, 3)), crds: crds, count: map[string]int{}, gone: map[string]int{}, stalled: map[string]bool{},
	}
	for sab.total() < *faults {
		sab.disturb()
		for resource, n := range sab.gone {
			s.awaitGaps(n, resource)
		}
	}
	stop()
	sab.release()
	s.await(team.Mark()...)
	s.terminate()
	s.judge(team.Ledger()).wantGaps(t, sab.gone)
	t.Logf("%d faults: %v", sab.total(), sab.count)
}
