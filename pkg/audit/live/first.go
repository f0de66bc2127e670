package live

// firstEvaluation is what is missing for a resource to be evaluated for the first time.
// Until then it is said to be under way: that nothing is found yet means nothing. The
// methods may be called on nil, when it has ended.
type firstEvaluation struct {
	// swept: all objects were looked at. self: so was the CRD, and their census with it.
	swept, self bool
	// waiting are the objects for which something is asked of the cluster.
	waiting map[string]bool
}

func newFirstEvaluation() *firstEvaluation { return &firstEvaluation{waiting: map[string]bool{}} }

// begin is for a sweep, which looks at all objects there are.
func (f *firstEvaluation) begin() {
	if f != nil {
		clear(f.waiting)
	}
}

func (f *firstEvaluation) wait(key string) {
	if f != nil {
		f.waiting[key] = true
	}
}

// firstSweep notes that all objects of a resource were looked at.
func (a *Auditor) firstSweep(r *resource) {
	if r.first != nil {
		r.first.swept = true
		a.firstEnds(r)
	}
}

// firstSelf notes that a CRD was evaluated, with the census of its objects.
func (a *Auditor) firstSelf(r *resource) {
	if r.first != nil {
		r.first.self = true
		a.firstEnds(r)
	}
}

// firstObject notes that an object was evaluated, or is gone.
func (a *Auditor) firstObject(r *resource, key string) {
	if r.first != nil {
		delete(r.first.waiting, key)
		a.firstEnds(r)
	}
}

// firstEnds ends the first evaluation if nothing is missing. Where not all objects are
// watched, nothing is said of the CRD.
func (a *Auditor) firstEnds(r *resource) {
	if f := r.first; f.swept && (f.self || !r.Whole) && len(f.waiting) == 0 {
		r.first = nil
		a.view.resource(r.uid, r.unevaluated())
	}
}
