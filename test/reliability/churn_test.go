package reliability

import (
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// churn is a CRD that comes, goes and changes, beside one that stays.
type churn struct {
	t        *testing.T
	client   dynamic.Interface
	writer   *scribe.Writer
	lasting  scribe.CRD
	fleeting scribe.CRD
	exists   bool
	switches int
}

func (c *churn) apply() {
	c.t.Helper()
	if err := shared.Apply(c.t.Context(), c.fleeting.Manifest()); err != nil {
		c.t.Fatal(err)
	}
	c.exists = true
	c.writer.Take(c.lasting, c.fleeting)
}

// create makes the CRD, and objects of one revision: where a watch begins with a list,
// nobody tells what was before.
func (c *churn) create() []string {
	c.t.Helper()
	c.apply()
	var ids []string
	for range 3 {
		ids = append(ids, c.writer.Create(c.t.Context(), c.fleeting))
	}
	return ids
}

func (c *churn) delete() {
	c.t.Helper()
	crds := c.client.Resource(discovery.CRDs().GVR)
	if err := crds.Delete(c.t.Context(), c.fleeting.Name(), metav1.DeleteOptions{}); err != nil {
		c.t.Fatal(err)
	}
	patience.Until(c.t, "the CRD is gone", func() (bool, string) {
		_, err := crds.Get(c.t.Context(), c.fleeting.Name(), metav1.GetOptions{})
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	c.writer.Lost(c.fleeting)
	c.writer.Take(c.lasting)
	c.exists = false
}

// change makes the other version the one that is stored, and so the one that is
// watched.
func (c *churn) change() {
	c.t.Helper()
	c.switches++
	first := c.switches%2 == 0
	c.fleeting.Versions = []scribe.Version{{Name: "v1", Storage: first}, {Name: "v2", Storage: !first}}
	c.apply()
}

func (c *churn) write(n int) {
	for until := c.writer.Writes() + n; c.writer.Writes() < until && !c.t.Failed(); {
		c.writer.Step(c.t.Context())
	}
}

// mark returns the IDs of new objects, one of each CRD that is there.
func (c *churn) mark() []string {
	ids := []string{c.writer.Create(c.t.Context(), c.lasting)}
	if c.exists {
		ids = append(ids, c.writer.Create(c.t.Context(), c.fleeting))
	}
	return ids
}

// round does something to the CRD, while the server is down or not.
func (c *churn) round(n int, s *server) {
	c.t.Helper()
	down := s.terminate
	if n%2 == 1 {
		down = s.kill
	}
	switch n % 5 {
	case 0: // deleted and created again in its absence
		down()
		c.delete()
		ids := c.create()
		s.startReady()
		s.await(ids...)
	case 1: // changed before its eyes, and again in its absence
		c.change()
		c.write(20)
		s.await(c.mark()...)
		down()
		c.write(10)
		c.change()
		c.write(10)
		s.startReady()
	case 2: // deleted before its eyes, created in its absence
		c.write(10)
		s.await(c.mark()...)
		c.delete()
		down()
		ids := c.create()
		s.startReady()
		s.await(ids...)
	case 3: // deleted in its absence
		down()
		c.delete()
		c.write(10)
		s.startReady()
	case 4: // created before its eyes
		s.await(c.create()...)
		c.write(20)
		s.await(c.mark()...)
		down()
		c.write(10)
		s.startReady()
	}
	c.write(10)
	s.await(c.mark()...)
}

// TestChurn: CRDs come, go and change, and between it the program is ended and killed
// by turns. Each object has its birth and its end in the history.
func TestChurn(t *testing.T) {
	const group = "churning.example.com"
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	c := &churn{
		t: t, client: client, lasting: scribe.Install(t, shared, group, 1)[0],
		fleeting: scribe.CRD{Group: group, Plural: "fleetings", Versions: []scribe.Version{{Name: "v1", Storage: true}, {Name: "v2"}}},
	}
	c.writer = scribe.NewWriter(t, client, []scribe.CRD{c.lasting}, "churn", *seed)
	s := newServer(t, shared.Kubeconfig(), group)
	s.startReady()
	s.await(c.create()...)
	for n := range *churns {
		c.round(n, s)
	}
	s.terminate()
	v := s.judge(c.writer.Ledger(), c.fleeting.Name())
	// A CRD that is changed gets a new watch cache, which may not know where the watch
	// was; and the one that knows where the list was may be gone again by the time that
	// the watch is asked for: then there are two windows, one after the other.
	if n := v.gaps[c.fleeting.Name()]; n > 2*c.switches {
		t.Errorf("%d GAPs of %s, which was changed %d times", n, c.fleeting.Name(), c.switches)
	}
	delete(v.gaps, c.fleeting.Name())
	v.wantGaps(t, nil)
	t.Logf("%d rounds, %d changes of the storage version", *churns, c.switches)
}
