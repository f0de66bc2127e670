package load_test

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/load"
	"github.com/crdwatch/crdwatch/test/patience"
)

// slowSink takes no objects, but those of CRDs, until it is released.
type slowSink struct{ released chan struct{} }

// Record implements watch.Sink.
func (s slowSink) Record(e watch.Entry) {
	if e.Object != nil && e.Checkpoint.Ref.Group != "apiextensions.k8s.io" {
		<-s.released
	}
}

// TestSyncedWhenHandled: what a watch brings after its list does not make the resource
// synced while the objects of the list are still on their way to the sink.
func TestSyncedWhenHandled(t *testing.T) {
	s, err := load.Start(load.Options{Seed: 1, CRDs: 1, Objects: 50})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	clients, err := watch.NewClients(s.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sink := slowSink{make(chan struct{})}
	m := watch.New(watch.Options{Clients: clients, Sink: sink})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	patience.Until(t, "the objects are listed", func() (bool, string) { return position(m) != "", fmt.Sprint(m.Statuses()) })
	listed := position(m)
	s.Change(100)
	// With the second change the first has done whatever it does.
	patience.Until(t, "changes arrive", func() (bool, string) {
		order, err := resourceversion.CompareResourceVersion(position(m), listed)
		return err == nil && order > 0 && s.Changed() > 20, fmt.Sprint(position(m), err)
	})
	select {
	case <-m.Done():
		t.Error("it is done before the sink has the first object")
	default:
	}
	close(sink.released)
	select {
	case <-m.Done():
	case <-t.Context().Done():
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// position is how far the informer of the only resource is.
func position(m *watch.Manager) string {
	for _, r := range m.Resources() {
		records, _ := m.Records(r.UID)
		return records.Position
	}
	return ""
}
