package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// TestSIGTERMDuringSync ends the program while it opens 2,000 watches.
func TestSIGTERMDuringSync(t *testing.T) {
	const group, n = "many.example.com", 2000
	cp := controlplane.StartT(t, controlplane.Options{})
	createCRDs(t, cp, group, n)
	p := program.Start(t, cp.Kubeconfig(), "watch", "--log-level", "debug")
	synced := func() int { return p.Stderr.Count(group, "to=Synced") }
	patience.Until(t, "the sync is under way", func() (bool, string) { return synced() > n/20, p.Stderr.String() })
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	_, code := p.Rest()
	if code != 0 || synced() >= n {
		t.Errorf("exit %d after %d of %d resources", code, synced(), n)
	}
	t.Logf("ended after %s, with %d of %d resources synced", time.Since(began).Round(time.Millisecond), synced(), n)
}

// createCRDs is scribe.Install for very many: it does not wait until they are established.
func createCRDs(t *testing.T, cp *controlplane.ControlPlane, group string, n int) {
	t.Helper()
	cfg := cp.Config()
	cfg.QPS = -1
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	workers, ctx := errgroup.WithContext(t.Context())
	workers.SetLimit(8)
	for i := range n {
		workers.Go(func() error {
			var u unstructured.Unstructured
			if err := u.UnmarshalJSON(scribe.CRD{Group: group, Plural: fmt.Sprintf("kind%ds", i)}.Manifest()); err != nil {
				return err
			}
			_, err := client.Resource(discovery.CRDs().GVR).Create(ctx, &u, metav1.CreateOptions{})
			return err
		})
	}
	if err := workers.Wait(); err != nil {
		t.Fatal(err)
	}
}
