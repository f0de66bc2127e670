package watch

import (
	"log/slog"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// crdReader feeds the catalog from the monitor of the CRDs. It reads a CRD while it
// is still decoded, and hands on what it read when the monitor has handled it.
type crdReader struct {
	catalog *discovery.Catalog
	log     *slog.Logger

	mu   sync.Mutex
	read map[*Record]discovery.Resource
}

// prepare reads a CRD. It is called on the reflector's goroutine.
func (c *crdReader) prepare(crd *unstructured.Unstructured, r *Record) {
	resource, err := discovery.Parse(crd)
	if err != nil {
		c.log.Error("ignoring a CRD", "error", err)
		return
	}
	version := resource.GVR.Version
	resource.Schema = func() ([]byte, error) {
		obj, err := r.Object()
		if err != nil {
			return nil, err
		}
		return discovery.SchemaOf(&unstructured.Unstructured{Object: obj}, version)
	}
	c.mu.Lock()
	c.read[r] = resource
	c.mu.Unlock()
}

// observe is called on the handler's goroutine, in the order of the changes.
func (c *crdReader) observe(r *Record, deleted bool) {
	c.mu.Lock()
	resource, ok := c.read[r]
	delete(c.read, r)
	c.mu.Unlock()
	switch {
	case deleted:
		c.catalog.Delete(r.UID())
	case ok:
		c.catalog.Apply(resource)
	}
}
