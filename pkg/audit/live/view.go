package live

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// view is what others may read of the Auditor at any time.
type view struct {
	mu          sync.Mutex
	open        map[*finding]struct{}
	suppressed  map[*finding]struct{}
	unevaluated map[audit.Unevaluated]int
	resources   map[types.UID]audit.Unevaluated
	counts      map[audit.Class]int
	conditions  map[types.UID]audit.Conditions
}

func newView() *view {
	return &view{
		open: map[*finding]struct{}{}, suppressed: map[*finding]struct{}{}, unevaluated: map[audit.Unevaluated]int{},
		resources: map[types.UID]audit.Unevaluated{}, counts: map[audit.Class]int{},
		conditions: map[types.UID]audit.Conditions{},
	}
}

// Findings returns what holds now. It may be called at any time.
func (a *Auditor) Findings() audit.Snapshot {
	v := a.view
	v.mu.Lock()
	defer v.mu.Unlock()
	now := audit.Snapshot{
		Open: wholes(v.open), Suppressed: wholes(v.suppressed),
		NotEvaluated: slices.AppendSeq(slices.Collect(maps.Keys(v.unevaluated)), maps.Values(v.resources)),
	}
	audit.Refer(now.NotEvaluated, slices.Values(now.Open))
	return now
}

// wholes makes findings of what is kept of them.
func wholes(kept map[*finding]struct{}) []*audit.Finding {
	all := make([]audit.Finding, 0, len(kept))
	list := make([]*audit.Finding, 0, len(kept))
	for f := range kept {
		all = append(all, f.whole())
		list = append(list, &all[len(all)-1])
	}
	return list
}

// Counts returns the number of open findings. What was once counted stays, with 0. It
// may be called at any time.
func (a *Auditor) Counts() map[audit.Class]int {
	a.view.mu.Lock()
	defer a.view.mu.Unlock()
	return maps.Clone(a.view.counts)
}

// Conditions returns what the objects of each resource say of themselves, of those that
// are evaluated; it may be a second old. It may be called at any time. The maps are
// shared and read-only.
func (a *Auditor) Conditions() []audit.Conditions {
	a.view.mu.Lock()
	defer a.view.mu.Unlock()
	return slices.Collect(maps.Values(a.view.conditions))
}

// setConditions sets those of a resource; a census of nil forgets them.
func (v *view) setConditions(r *resource, census *audit.Census) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if census == nil || len(census.Conditions) == 0 {
		delete(v.conditions, r.uid)
		return
	}
	v.conditions[r.uid] = audit.Conditions{Resource: r.Resource.GVR.GroupResource(), Objects: maps.Clone(census.Conditions)}
}

// replace shows a finding instead of another; nil is none.
func (v *view) replace(before, after *finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if before != nil {
		delete(v.open, before)
		v.counts[before.class()]--
	}
	if after != nil {
		v.open[after] = struct{}{}
		v.counts[after.class()]++
	}
}

func (v *view) suppress(before, now []*finding) {
	if len(before) == 0 && len(now) == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range before {
		delete(v.suppressed, f)
	}
	for _, f := range now {
		v.suppressed[f] = struct{}{}
	}
}

func (v *view) unevaluate(before, now []audit.Unevaluated) {
	if len(before) == 0 && len(now) == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, u := range before {
		if v.unevaluated[u]--; v.unevaluated[u] <= 0 {
			delete(v.unevaluated, u)
		}
	}
	for _, u := range now {
		v.unevaluated[u]++
	}
}

// resource sets why not all of a resource is judged; nil: it is.
func (v *view) resource(crd types.UID, u *audit.Unevaluated) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if u == nil {
		delete(v.resources, crd)
		return
	}
	v.resources[crd] = *u
}
