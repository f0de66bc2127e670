package live

import "strings"

// firstEvaluation is what is there of the first evaluation of a resource. Until it is
// complete it is said to be under way: that nothing is found yet means nothing.
type firstEvaluation struct {
	// swept: all objects were looked at. self: so was the CRD, and their census with it.
	swept, self bool
}

// firstSweep notes that all objects of a resource were looked at.
func (a *Auditor) firstSweep(r *resource) {
	if r.first != nil {
		r.first.swept = true
	}
	a.firstEnds(r)
}

// firstSelf notes that a CRD was evaluated, with the census of its objects.
func (a *Auditor) firstSelf(r *resource) {
	if r.first != nil {
		r.first.self = true
	}
	a.firstEnds(r)
}

// firstEnds ends the first evaluation if nothing is missing. Where not all objects are
// watched, nothing is said of the CRD.
func (a *Auditor) firstEnds(r *resource) {
	if f := r.first; f != nil && f.swept && (f.self || !r.Whole) && len(r.waiting) == 0 {
		r.first = nil
		a.view.resource(r.uid, r.unevaluated())
	}
}

// waits notes that an object is evaluated when answers are here.
func (r *resource) waits(key string) { r.waiting[strings.Clone(key)] = true }

// waited notes that an object was evaluated, or is gone.
func (a *Auditor) waited(r *resource, key string) {
	delete(r.waiting, key)
	a.firstEnds(r)
}
