package watch

import (
	"log/slog"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// crdReader feeds the catalog from the monitor of the CRDs. It reads a CRD while it
// is still decoded, and hands on what it read when the monitor has handled it.
type crdReader struct {
	catalog *discovery.Catalog
	log     *slog.Logger

	mu sync.Mutex
	// read are the CRDs that are on their way to the handler, one revision of each: of
	// several, only the last matters.
	read map[types.UID]readCRD
}

// readCRD is what was read of a revision.
type readCRD struct {
	record   *Record
	resource discovery.Resource
}

// prepare reads a CRD. It is called on the reflector's goroutine.
func (c *crdReader) prepare(crd *unstructured.Unstructured, r *Record) {
	resource, err := discovery.Parse(crd)
	if err != nil {
		c.log.Error("ignoring a CRD", "error", err)
		return
	}
	version := resource.GVR.Version
	resource.Schema = func() ([]byte, error) { return r.Schema(version) }
	c.mu.Lock()
	c.read[r.UID()] = readCRD{r, resource}
	c.mu.Unlock()
}

// observe is called on the handler's goroutine, in the order of the changes.
func (c *crdReader) observe(r *Record, deleted bool) {
	c.mu.Lock()
	uid := r.UID()
	read, ok := c.read[uid]
	ok = ok && read.record == r
	if ok || deleted {
		delete(c.read, uid)
	}
	c.mu.Unlock()
	switch {
	case deleted:
		c.catalog.Delete(uid)
	case ok:
		c.catalog.Apply(read.resource)
	}
}
