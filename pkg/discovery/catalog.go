package discovery

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Catalog holds the CRDs of a cluster as they were last seen. All methods are safe
// for concurrent use and none blocks.
type Catalog struct {
	mu     sync.Mutex
	byUID  map[types.UID]Resource
	change chan struct{}
}

// NewCatalog returns an empty Catalog.
func NewCatalog() *Catalog {
	return &Catalog{byUID: map[types.UID]Resource{}, change: make(chan struct{}, 1)}
}

// Apply takes in the current revision of a CRD, new or changed.
func (c *Catalog) Apply(r Resource) {
	c.mu.Lock()
	c.byUID[r.UID] = r
	c.mu.Unlock()
	c.notify()
}

// Delete takes out a CRD that is gone. Unknown UIDs are ignored, so that the
// deletion of a CRD that was created again at once cannot hit its successor.
func (c *Catalog) Delete(uid types.UID) {
	c.mu.Lock()
	delete(c.byUID, uid)
	c.mu.Unlock()
	c.notify()
}

// Changed receives after one or more changes. It has room for one notice: a
// consumer that is late sees one notice for many changes, and the newest Set.
func (c *Catalog) Changed() <-chan struct{} {
	return c.change
}

// Set returns the whole Set. The caller owns the map.
func (c *Catalog) Set() Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := make(Set, len(c.byUID))
	for _, r := range c.byUID {
		set[r.Key()] = r
	}
	return set
}

// Len returns the number of CRDs.
func (c *Catalog) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byUID)
}

func (c *Catalog) notify() {
	select {
	case c.change <- struct{}{}:
	default:
	}
}

// Sorted returns the resources of a Set by CRD name, then UID.
func (s Set) Sorted() []Resource {
	return slices.SortedFunc(maps.Values(s), func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.CRD, b.CRD), cmp.Compare(a.UID, b.UID))
	})
}
