package live

import (
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// growthEvery is how often the objects of each resource are counted for its growth.
	growthEvery = time.Hour
	// growthHourly is how long every count is kept, growthKept how long one a day is.
	growthHourly = 4 * 24 * time.Hour
	growthKept   = 60 * 24 * time.Hour
)

// noteGrowth remembers how many objects there are, if it is time, and has the CRDs
// evaluated again whose number was another one not long ago: growth is so much in a time,
// and some time has passed.
func (a *Auditor) noteGrowth(now time.Time) {
	if now.Before(a.growth) {
		return
	}
	a.growth = now.Truncate(growthEvery).Add(growthEvery)
	for _, r := range a.resources {
		census := r.census()
		if census == nil {
			continue
		}
		r.growth = append(thinned(r.growth, now), audit.Growth{Time: now, Objects: census.Objects})
		if changing(r.growth, now) {
			a.touch(r)
		}
	}
}

// thinned drops what is too old, and of what is old all but the first of a day. It makes
// a new slice: a rule may still hold the old one.
func thinned(all []audit.Growth, now time.Time) []audit.Growth {
	kept := make([]audit.Growth, 0, len(all)+1)
	for _, g := range all {
		age := now.Sub(g.Time)
		sameDay := len(kept) > 0 && kept[len(kept)-1].Time.UTC().YearDay() == g.Time.UTC().YearDay()
		if age < growthKept && (age < growthHourly || !sameDay) {
			kept = append(kept, g)
		}
	}
	return kept
}

// changing tells whether the number was another one while every count was kept.
func changing(all []audit.Growth, now time.Time) bool {
	last := all[len(all)-1].Objects
	for _, g := range all {
		if g.Objects != last && now.Sub(g.Time) < growthHourly {
			return true
		}
	}
	return false
}
