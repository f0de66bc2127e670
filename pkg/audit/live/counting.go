package live

import (
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// counting is a census and what it has counted.
//
// It begins with the Records that the informer has at a moment, which is ahead of the
// entries: some that are still to come tell of revisions that are in the list already.
// So while that is so, each entry is compared with the revision that was counted, or
// will be: the list itself serves as that memory, sorted by key. Once all entries up to
// the moment are through (see inbox.passed), the list is dropped, and an entry's own Old
// says what to take out of the census. Nothing is kept of an object from then on.
type counting struct {
	census *audit.Census
	// list are the objects of the beginning, those before at counted; nil when it has
	// served.
	list []listed
	at   int
	// extra are those that came since.
	extra map[string]*watch.Record
	// position is when list has served.
	position string
}

type listed struct {
	*watch.Record
	gone bool
}

// prepared is a list that is sorted: of a million objects that takes a second, in which
// the Auditor has other things to do.
type prepared struct {
	resource *resource
	list     []listed
	position string
}

func prepare(r *resource, records watch.Records) prepared {
	p := prepared{resource: r, list: make([]listed, len(records.List)), position: records.Position}
	for i, record := range records.List {
		p.list[i].Record = record
	}
	slices.SortFunc(p.list, func(a, b listed) int { return strings.Compare(a.Key(), b.Key()) })
	return p
}

func newCounting(p prepared) *counting {
	return &counting{census: audit.NewCensus(), list: p.list, position: p.position, extra: map[string]*watch.Record{}}
}

// settled drops the memory of the beginning.
func (c *counting) settled() { c.list, c.extra = nil, nil }

// reader decodes an object, or returns nil if it cannot be read.
type reader func(*watch.Record) *audit.Object

// apply takes in what happened to an object.
func (c *counting) apply(it *item, read reader) {
	if c.extra == nil {
		c.move(it.old, it.current(), read)
		return
	}
	i, inList := slices.BinarySearchFunc(c.list, it.key, func(l listed, key string) int { return strings.Compare(l.Key(), key) })
	switch {
	case inList && !c.list[i].gone:
		if it.now.After(c.list[i].Record) {
			c.relist(i, it, read)
		}
	case c.extra[it.key] != nil:
		before := c.extra[it.key]
		if !it.now.After(before) {
			return
		}
		c.move(before, it.current(), read)
		c.keep(it)
	case !it.deleted:
		// What the list does not have begins here. If it has ended before the list was
		// made, its end is still to come.
		c.move(nil, it.now, read)
		c.keep(it)
	}
}

func (c *counting) keep(it *item) {
	if it.deleted {
		delete(c.extra, it.key)
		return
	}
	c.extra[it.key] = it.now
}

// relist replaces an object of the list.
func (c *counting) relist(i int, it *item, read reader) {
	l := &c.list[i]
	if i < c.at {
		c.move(l.Record, it.current(), read)
	}
	if it.deleted {
		l.gone = true // its Record stays for its key
		return
	}
	l.Record = it.now
}

// current is nil for an object that is gone.
func (it *item) current() *watch.Record {
	if it.deleted {
		return nil
	}
	return it.now
}

// move takes one revision out and another one in. What cannot be read was never in.
func (c *counting) move(before, now *watch.Record, read reader) {
	if before != nil {
		if o := read(before); o != nil {
			c.census.Remove(o)
		}
	}
	if now != nil {
		if o := read(now); o != nil {
			c.census.Add(o)
		}
	}
}
