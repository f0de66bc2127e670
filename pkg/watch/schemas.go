package watch

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// knownSchemas is how many schemas are kept. Only resources whose objects change need one,
// and a schema keeps little more than its lists with keys: some KB. To read it again takes
// milliseconds, so that there must be room for all resources of a large cluster.
const knownSchemas = 16 << 10

// schemas makes the diff.Schema of a resource when it is first needed, and keeps
// the ones that were used last.
type schemas struct {
	// none is the schema of a resource without one.
	none *diff.Schema
	// crds is that of the CRDs themselves.
	crds *diff.Schema

	mu    sync.Mutex
	cache *lru.Cache
}

// schemaKey changes with every edit of the CRD's spec.
type schemaKey struct {
	uid        types.UID
	version    string
	generation int64
}

func newSchemas() *schemas {
	return &schemas{none: diff.Deduced(), crds: diff.ForCRD(), cache: lru.New(knownSchemas)}
}

// of returns a resource's schema, never nil. What of it cannot be used is deduced
// from the objects themselves, and an error says why; the next call for the same
// revision of the CRD returns it without one.
func (s *schemas) of(r discovery.Resource) (*diff.Schema, error) {
	if r.UID == discovery.CRDs().UID {
		return s.crds, nil
	}
	key := schemaKey{r.UID, r.GVR.Version, r.Generation}
	s.mu.Lock()
	cached, ok := s.cache.Get(key)
	s.mu.Unlock()
	if ok {
		return cached.(*diff.Schema), nil
	}
	schema, err := s.parse(r)
	if err != nil {
		err = fmt.Errorf("reading the schema of %s version %s: %w", r.CRD, r.GVR.Version, err)
	}
	s.mu.Lock()
	s.cache.Add(key, schema)
	s.mu.Unlock()
	return schema, err
}

func (s *schemas) parse(r discovery.Resource) (*diff.Schema, error) {
	if r.Schema == nil {
		return s.none, nil
	}
	raw, err := r.Schema()
	if err != nil {
		return s.none, err
	}
	if len(raw) == 0 {
		return s.none, nil
	}
	return diff.NewSchema(raw)
}
