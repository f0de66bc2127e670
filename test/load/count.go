package load

import (
	"maps"
	"sync"
)

// The kinds of requests that are counted.
const (
	// Get asks for one CRD.
	Get = "get"
	// Count is a list of one object, with the number of the others.
	Count = "count"
	// List is any other list.
	List = "list"
	// WatchList is a watch that begins with all objects.
	WatchList = "watch with all objects"
	// Resume is one that goes on from a revision.
	Resume = "watch from a revision"
	// Other is anything else.
	Other = "other"
)

// counter counts requests by their kind.
type counter struct {
	mu sync.Mutex
	by map[string]int
}

func newCounter() *counter { return &counter{by: map[string]int{}} }

func (c *counter) add(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by[kind]++
}

func (c *counter) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.by)
}

// kind is that of a request about a resource, or, if it names one, about one object.
func (q query) kind(named bool) string {
	switch {
	case named:
		return Get
	case q.watch && (q.initial || q.revision == 0):
		return WatchList
	case q.watch:
		return Resume
	case q.limit == 1:
		return Count
	}
	return List
}
