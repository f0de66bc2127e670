package live

import (
	"slices"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// usage is whether any resource of an organisation has objects.
type usage int

const (
	// uncertain: none has, of those that can be counted.
	uncertain usage = iota + 1
	unused
	used
)

// uncounted: the objects are being counted for the first time.
func (r *resource) uncounted() bool {
	return r.Whole && r.counting == nil && r.failure() == nil && !r.MetadataOnly
}

// countChanged is told that the objects of a resource are counted, that this begins or
// ceases to be possible, or that there are some for the first time, or none any more. What
// is said of its siblings without objects depends on whether any of the organisation has
// some: they are evaluated again if that is known for the first time, or otherwise.
func (a *Auditor) countChanged(r *resource) {
	a.peersOld = true
	now, counting := a.usage(r.organisation)
	if counting && now != used {
		return // the last one that is counted comes here, too
	}
	changed := a.usages[r.organisation] != now
	a.usages[r.organisation] = now
	for _, sibling := range a.resources {
		if sibling.organisation == r.organisation && sibling.objects() == 0 && (changed || sibling.pending()) {
			a.touch(sibling)
		}
	}
}

// usage is that of an organisation, as far as it is counted.
func (a *Auditor) usage(organisation string) (now usage, counting bool) {
	now = unused
	for _, r := range a.resources {
		switch {
		case r.organisation != organisation:
		case r.uncounted():
			counting = true
		case !r.Whole || r.census() == nil:
			now = uncertain
		case r.objects() > 0:
			return used, counting
		}
	}
	return now, counting
}

// pending: a rule could not tell yet about the CRD.
func (r *resource) pending() bool {
	return r.self != nil && slices.ContainsFunc(r.self.unevaluated, func(u audit.Unevaluated) bool { return u.Reason == audit.Evaluating })
}
