package reliability

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// crdsName is the resource of the CRDs themselves.
const crdsName = "customresourcedefinitions.apiextensions.k8s.io"

// TestOutages: while crdwatch is away, or cannot reach the API server, objects are
// written, deleted and created anew, and the API server forgets. What came of it is
// reported, and each resource has one GAP each time, the CRDs too.
func TestOutages(t *testing.T) {
	const group = "outage.example.com"
	cp := controlplane.StartT(t, controlplane.Options{})
	crds := scribe.Install(t, cp, group, 4)
	p, kubeconfig := newProxy(t, cp)
	s := newServer(t, kubeconfig, group)
	s.startReady()
	team := scribe.NewTeam(t, cp, crds, *seed)
	want := map[string]int{crdsName: *outages}
	for _, c := range crds {
		want[c.Name()] = *outages
	}
	for n := range *outages {
		team.Write(160)
		s.await(team.Mark()...)
		back := s.away(n, p)
		team.Write(240)
		if err := cp.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n%2 == 1 {
			// What is written after the API server's memory begins again is not lost.
			remember(t, cp, crds)
			team.Write(80)
		}
		back()
		s.awaitGaps(n+1, sortedNames(want)...)
	}
	team.Write(160)
	s.await(team.Mark()...)
	s.terminate()
	s.judge(team.Ledger()).wantGaps(t, want)
	t.Logf("%d outages", *outages)
}

// away ends the server, kills it, or cuts it off, and returns how it comes back.
func (s *server) away(n int, p *controlplane.Proxy) (back func()) {
	s.t.Helper()
	switch n % 3 {
	case 0:
		s.terminate()
	case 1:
		p.Refuse()
		return func() {
			if err := p.Restore(); err != nil {
				s.t.Fatal(err)
			}
		}
	default:
		s.kill()
	}
	return s.start
}

// remember makes the API server's history of the resources begin: it does with the
// first list.
func remember(t *testing.T, cp *controlplane.ControlPlane, crds []scribe.CRD) {
	t.Helper()
	client, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range crds {
		if _, err := client.Resource(c.GVR()).List(t.Context(), metav1.ListOptions{ResourceVersion: "0"}); err != nil {
			t.Fatal(err)
		}
	}
}
