package scribe

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// size is how many Writers a Team has.
const size = 8

// teams keeps the names of objects apart.
var teams atomic.Int64

// Install creates CRDs of a group, every fourth of them cluster-scoped.
func Install(t testing.TB, cp *controlplane.ControlPlane, group string, n int) []CRD {
	t.Helper()
	var crds []CRD
	var manifests []string
	for i := range n {
		c := CRD{Group: group, Plural: fmt.Sprintf("kind%ds", i), Cluster: i%4 == 3}
		crds = append(crds, c)
		manifests = append(manifests, string(c.Manifest()))
	}
	if err := cp.Apply(t.Context(), []byte(strings.Join(manifests, "\n---\n"))); err != nil {
		t.Fatal(err)
	}
	return crds
}

// Team is several Writers at work on the same CRDs. Its methods are called one at a
// time.
type Team struct {
	t       testing.TB
	crds    []CRD
	writers []*Writer
}

// NewTeam makes a Team that writes as the control plane's admin, past every proxy.
func NewTeam(t testing.TB, cp *controlplane.ControlPlane, crds []CRD, seed uint64) *Team {
	t.Helper()
	client, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	team := &Team{t: t, crds: crds}
	n := teams.Add(1)
	for i := range size {
		w := NewWriter(t, client, crds, fmt.Sprintf("w%d-%d", i, n), seed+uint64(i))
		team.writers = append(team.writers, w)
	}
	return team
}

// Write makes n random writes.
func (team *Team) Write(n int) {
	var working sync.WaitGroup
	for _, w := range team.writers {
		until := w.Writes() + n/size
		working.Go(func() {
			for w.Writes() < until && !team.t.Failed() {
				w.Step(team.t.Context())
			}
		})
	}
	working.Wait()
}

// Run writes until stop is closed, at most so many writes a second. What was begun is
// brought to its end, so that the ledger knows of it.
func (team *Team) Run(stop <-chan struct{}, perSecond int) {
	pace := time.NewTicker(time.Second / time.Duration(perSecond))
	defer pace.Stop()
	var working sync.WaitGroup
	for _, w := range team.writers {
		working.Go(func() { w.run(stop, pace.C) })
	}
	working.Wait()
}

func (w *Writer) run(stop <-chan struct{}, pace <-chan time.Time) {
	for !w.t.Failed() {
		select {
		case <-stop:
			return
		case <-pace:
			w.Step(w.t.Context())
		}
	}
}

// Mark creates an object of each CRD and returns the IDs of their events. Where these
// are reported, so is everything that was written before, because the order of one
// resource's events is that of its revisions.
func (team *Team) Mark() []string {
	team.t.Helper()
	var ids []string
	for _, c := range team.crds {
		ids = append(ids, team.writers[0].Create(team.t.Context(), c))
	}
	return ids
}

// Ledger is what all of them have written so far.
func (team *Team) Ledger() Ledger {
	ledger := Ledger{}
	for _, w := range team.writers {
		ledger.Add(w.Ledger())
	}
	return ledger
}
