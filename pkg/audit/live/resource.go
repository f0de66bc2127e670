package live

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Reasons of what is not evaluated, besides those of the watch and audit.Evaluating.
const (
	// unreadable: something of it cannot be decoded.
	unreadable = "Unreadable"
	// tooMany: more is wrong than is kept.
	tooMany = "TooManyFindings"
)

// maxSubjects is how many objects of a resource may have findings. Those of more are
// not evaluated until there are less.
const maxSubjects = 20_000

// resource is what is known of a CRD and its objects.
type resource struct {
	watch.Status
	uid  types.UID
	name string
	// before is the revision of the CRD that the present one replaced, if that was seen.
	before *watch.Record
	// organisation is that of its group.
	organisation string
	// first is the first evaluation; nil when that has ended.
	first *firstEvaluation
	// waiting are the objects that are evaluated when answers are here.
	waiting map[string]bool
	// unreadable is why the CRD cannot be decoded; empty if it can be.
	unreadable string
	// self is the CRD as a subject, subjects are its objects that have findings.
	self     *subject
	subjects map[string]*subject
	// judged is when the CRD was evaluated, which took that long.
	judged time.Time
	took   time.Duration
	// counting is nil until all objects were looked at, next that of a sweep under way.
	counting, next *counting
	// preparing: the list for a sweep is being made, and held came in meanwhile.
	preparing, asked bool
	held             []*item
	// growth are earlier numbers of its objects, the oldest first.
	growth []audit.Growth
	// crowded: there were more subjects with findings than are kept.
	crowded bool
}

// failure is why the objects cannot be read, nil if they can be.
func (r *resource) failure() *audit.Failure {
	switch r.State {
	case watch.Forbidden, watch.NotServed, watch.Broken, watch.Stale:
		return &audit.Failure{Reason: r.Reason, Message: r.Message, Since: r.Since, Attempts: r.Failures}
	}
	return nil
}

// census is nil unless it is of all objects, as they are now.
func (r *resource) census() *audit.Census {
	if r.counting == nil || r.failure() != nil {
		return nil
	}
	return r.counting.census
}

// unevaluated says why not all of the resource is judged, nil if it is.
func (r *resource) unevaluated() *audit.Unevaluated {
	u := &audit.Unevaluated{Resource: r.name}
	switch f := r.failure(); {
	case f != nil:
		u.Reason, u.Message = f.Reason, f.Message
	case r.MetadataOnly:
		u.Reason, u.Message = watch.MetadataOnly, "its objects are not evaluated: "+r.Message
	case r.State != watch.Synced:
		u.Reason, u.Message = string(r.State), "its objects are being read"
	case r.unreadable != "":
		u.Reason, u.Message = unreadable, r.unreadable
	case r.counting == nil:
		u.Reason, u.Message = audit.Evaluating, "its objects are being evaluated"
	case r.first != nil:
		u.Reason, u.Message = audit.Evaluating, "its first evaluation is not complete yet"
	case r.crowded:
		u.Reason = tooMany
		u.Message = fmt.Sprintf("something is wrong with more than %d of its objects; mend those first, the others follow", maxSubjects)
	default:
		return nil
	}
	return u
}

// changeState takes in the state of a watch, and that there is one.
func (a *Auditor) changeState(uid types.UID) {
	status, ok := a.opts.Source.Status(uid)
	if !ok || status.State == watch.Gone || uid == discovery.CRDs().UID {
		return
	}
	r := a.resources[uid]
	isNew := r == nil
	if isNew {
		r = &resource{
			uid: uid, name: status.Resource.CRD, organisation: audit.Organisation(status.Resource.GVR.Group),
			first: &firstEvaluation{}, waiting: map[string]bool{}, subjects: map[string]*subject{},
		}
		a.resources[uid] = r
		a.peersOld = true
		r.Status = status
		a.names[[2]string{r.Resource.GVR.Group, r.Resource.GVR.Resource}] = r
		a.names[[2]string{r.Resource.GVR.Group, r.Resource.Kind}] = r
		a.adopt(r)
		a.answers.typeChanged(status.Resource.GVR.Group, a.again.push)
	}
	uncountable := r.failure() != nil || r.MetadataOnly
	r.Status = status
	switch {
	case status.MetadataOnly:
		a.reduce(r)
	case status.State == watch.Synced && r.counting == nil:
		a.requestSweep(r)
	}
	if isNew || uncountable != (r.failure() != nil || r.MetadataOnly) {
		a.countChanged(r)
	}
	a.view.resource(uid, r.unevaluated())
	a.touch(r)
}

// reduce takes in that objects are no more than their metadata, which no rule can judge.
// What was found stays as it is, and nothing is counted; only the end of an object is
// followed still. When there are whole objects again, all are looked at.
func (a *Auditor) reduce(r *resource) {
	a.inbox.want(r.uid, true)
	a.dropSweep(r)
	r.counting = nil
	delete(a.settling, r)
	for key := range r.waiting {
		a.answers.unask(job{r.uid, key})
	}
	clear(r.waiting)
}

// changeCRD takes in what happened to a CRD.
func (a *Auditor) changeCRD(e watch.Entry) {
	uid := e.Object.UID()
	a.peersOld = true
	if e.Deleted {
		a.forget(uid)
		return
	}
	r := a.resources[uid]
	if r == nil {
		return
	}
	if e.Old != nil && e.Old.UID() == uid && e.Old.Generation() != e.Object.Generation() {
		r.before = e.Old
		if r.counting != nil || r.next != nil || r.preparing {
			a.requestSweep(r)
		}
	}
	a.touch(r)
	a.touchPeers(r)
}

// touchPeers has those looked at again that may have a name in common.
func (a *Auditor) touchPeers(r *resource) {
	for _, other := range a.resources {
		if other != r && related(&r.Resource, &other.Resource) {
			a.touch(other)
		}
	}
}

func related(a, b *discovery.Resource) bool {
	if a.GVR.Group == b.GVR.Group || a.Kind == b.Kind || a.GVR.Resource == b.GVR.Resource || a.Singular == b.Singular {
		return true
	}
	for _, x := range a.ShortNames {
		for _, y := range b.ShortNames {
			if x == y {
				return true
			}
		}
	}
	return false
}

// forget ends a resource whose CRD is gone.
func (a *Auditor) forget(uid types.UID) {
	r := a.resources[uid]
	if r == nil {
		return
	}
	delete(a.resources, uid)
	delete(a.due, r)
	delete(a.settling, r)
	for k, named := range a.names {
		if named == r {
			delete(a.names, k)
		}
	}
	a.dropSweep(r)
	a.inbox.want(uid, false)
	a.view.resource(uid, nil)
	a.view.setConditions(r, nil)
	now := time.Now()
	for _, s := range r.subjects {
		a.remove(s, now)
	}
	if r.self != nil {
		a.remove(r.self, now)
	}
	a.countChanged(r)
	a.touchPeers(r)
	a.answers.typeChanged(r.Resource.GVR.Group, a.again.push)
}

// touch has a CRD evaluated soon.
func (a *Auditor) touch(r *resource) {
	if a.resources[r.uid] != r || !r.Whole {
		return
	}
	if _, ok := a.due[r]; ok {
		return
	}
	at := time.Now().Add(settleFor)
	if r.self != nil {
		// Only changes of its objects come so often that this matters.
		at = later(at, r.judged.Add(costFactor*r.took))
	}
	a.due[r] = at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// definition decodes the present revision of a CRD.
func (a *Auditor) definition(r *resource) (*definition, error) {
	record := a.opts.Source.Record(discovery.CRDs().UID, r.name)
	if record == nil || record.UID() != r.uid {
		return nil, errGone
	}
	return a.crds.of(record, r.Resource.GVR.Version)
}

var errGone = errors.New("the CRD was deleted")

// earlierRevision decodes the one before; nil if it is not known.
func (a *Auditor) earlierRevision(r *resource) *audit.CRD {
	if r.before == nil {
		return nil
	}
	def, err := a.crds.of(r.before, r.Resource.GVR.Version)
	if err != nil {
		a.opts.Log.Warn("reading an earlier revision of a CRD", "crd", r.name, "error", err)
		return nil
	}
	return def.CRD
}
