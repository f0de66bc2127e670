package live

import (
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// maxUpdates is how many updates of an object are remembered, updatesFor how long
	// after the last one, and maxUpdated of how many objects.
	maxUpdates = 32
	updatesFor = time.Hour
	maxUpdated = 4096
)

// updates remembers the latest updates of the objects that changed last.
type updates struct {
	byJob map[job]*updated
	// order has each object once, with a time at which it had changed.
	order queue[place]
	first *place
}

type updated struct {
	list   []audit.Update
	last   time.Time
	placed bool
}

type place struct {
	job
	at time.Time
}

func newUpdates() *updates { return &updates{byJob: map[job]*updated{}} }

// add remembers more updates of an object.
func (u *updates) add(j job, more []audit.Update, now time.Time) {
	if len(more) == 0 {
		return
	}
	known := u.byJob[j]
	if known == nil {
		j.key = strings.Clone(j.key) // it is a part of a Record, which would be kept for it
		known = &updated{}
		u.byJob[j] = known
	}
	// A new slice: a rule may still hold the old one.
	all := append(append([]audit.Update(nil), known.list...), more...)
	known.list, known.last = all[max(0, len(all)-maxUpdates):], now
	if !known.placed {
		known.placed = true
		u.order.push(place{j, now})
	}
	u.expire(now)
}

func (u *updates) of(j job) []audit.Update {
	if known := u.byJob[j]; known != nil {
		return known.list
	}
	return nil
}

func (u *updates) forget(j job) { delete(u.byJob, j) }

// expire forgets what has been idle, and the oldest where there is too much.
func (u *updates) expire(now time.Time) {
	for {
		if u.first == nil {
			p, ok := u.order.pop()
			if !ok {
				return
			}
			u.first = &p
		}
		known := u.byJob[u.first.job]
		switch {
		case known == nil: // forgotten
		case known.last.After(u.first.at):
			u.order.push(place{u.first.job, known.last})
		case now.Sub(u.first.at) >= updatesFor || len(u.byJob) > maxUpdated:
			delete(u.byJob, u.first.job)
		default:
			return
		}
		u.first = nil
	}
}

// appendUpdates adds the updates that an entry tells of, as many as are remembered.
func appendUpdates(list []audit.Update, e *watch.Entry) []audit.Update {
	for i := range e.Events {
		ev := &e.Events[i]
		if ev.Type != watch.Modified {
			continue
		}
		if len(list) == maxUpdates {
			list = append(list[:0:0], list[1:]...)
		}
		list = append(list, audit.Update{
			Time: ev.Time, GenerationNew: ev.Generation != ev.OldGeneration, Managers: ev.Managers, Changes: ev.Changes,
		})
	}
	return list
}
