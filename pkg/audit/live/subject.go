package live

import (
	"container/heap"
	"strings"
	"time"
	"unique"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// subject is an object or a CRD with findings, or one that could not be judged. Of
// others there is none.
type subject struct {
	resource *resource // nil for what is of no resource, or of one that is not known yet
	key      string    // empty for the CRD
	// id is nil for what is of no resource. The findings share it.
	id  *audit.Subject
	ref unique.Handle[watch.ResourceRef]
	revision

	// candidates are all findings of the last evaluation, also those that hold later or
	// no more, and shown those that hold. Often it is the same slice.
	candidates, shown []*finding
	// exempt is nil where nothing is passed over.
	exempt      *exempt
	unevaluated []audit.Unevaluated
	// unseen: restored, or before a sweep, and not looked at since.
	unseen bool
	// next is when something begins or ceases to hold.
	next time.Time
}

// revision is what of an object was judged.
type revision struct {
	resourceVersion string
	generation      int64
}

// exempt is what is passed over, and of that what holds.
type exempt struct {
	all, holding []*finding
}

// newSubject returns an empty subject. The key may be a part of something larger.
func newSubject(r *resource, key string) *subject {
	return &subject{resource: r, key: strings.Clone(key), ref: unique.Make(watch.ResourceRef{})}
}

// identify says what the subject is called.
func (s *subject) identify(id audit.Subject, ref watch.ResourceRef) {
	if s.id == nil || *s.id != id {
		s.id = &id
	}
	s.ref = unique.Make(ref)
}

// exempted are the findings that are passed over.
func (s *subject) exempted() []*finding {
	if s.exempt == nil {
		return nil
	}
	return s.exempt.all
}

// passed are the findings that hold and are passed over.
func (s *subject) passed() []*finding {
	if s.exempt == nil {
		return nil
	}
	return s.exempt.holding
}

// timers are the subjects by when their findings change.
type timers []timer

type timer struct {
	at      time.Time
	subject *subject
}

// Len implements heap.Interface.
func (t timers) Len() int { return len(t) }

// Less implements heap.Interface.
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }

// Swap implements heap.Interface.
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) }

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// settle brings what is shown of a subject in line with what holds now.
func (a *Auditor) settle(s *subject, now time.Time) {
	before := s.shown
	s.shown = holding(s.candidates, now)
	was, is := byFingerprint(before), byFingerprint(s.shown)
	for _, f := range before {
		if is[f.fingerprint] == nil {
			a.replace(s, f, nil, now)
		}
	}
	for _, f := range s.shown {
		if was[f.fingerprint] != f {
			a.replace(s, was[f.fingerprint], f, now)
		}
	}
	if s.exempt != nil {
		passed := holding(s.exempt.all, now)
		a.view.suppress(s.exempt.holding, passed)
		s.exempt.holding = passed
	}
	a.note(s, before)
	a.schedule(s, now)
}

// exempts sets what is passed over of a subject.
func (s *subject) exempts(all []*finding) {
	if len(all) > 0 || s.exempt != nil {
		s.exempt = &exempt{all, s.passed()}
	}
}

// note keeps up which rules find something in how many objects. Before is what was shown
// of the subject.
func (a *Auditor) note(s *subject, before []*finding) {
	if s.key == "" || s.resource == nil {
		return
	}
	was, is := rulesOf(before), rulesOf(s.shown)
	changed := false
	count := func(rules, others map[string]bool, n int) {
		for rule := range rules {
			if others[rule] {
				continue
			}
			changed = true
			if s.resource.counting != nil {
				s.resource.counting.census.Note(rule, s.key, n)
			}
		}
	}
	count(was, is, -1)
	count(is, was, 1)
	if changed {
		a.touch(s.resource)
	}
}

// schedule sets the timer of a subject.
func (a *Auditor) schedule(s *subject, now time.Time) {
	var next time.Time
	consider := func(list []*finding) {
		for _, f := range list {
			if f.span == nil {
				continue
			}
			for _, at := range []time.Time{f.span.due, f.span.until} {
				if at.After(now) && (next.IsZero() || at.Before(next)) {
					next = at
				}
			}
		}
	}
	consider(s.candidates)
	consider(s.exempted())
	if next.IsZero() || next.Equal(s.next) {
		s.next = next
		return
	}
	s.next = next
	heap.Push(&a.timers, timer{next, s})
}

// remove ends a subject that is gone: nothing is wrong with it any more.
func (a *Auditor) remove(s *subject, now time.Time) {
	s.candidates = nil
	s.exempts(nil)
	a.settle(s, now)
	a.unlist(s)
}

// drop forgets a subject without a word.
func (a *Auditor) drop(s *subject) {
	before := s.shown
	for _, f := range before {
		a.swap(f, nil)
	}
	a.view.suppress(s.passed(), nil)
	s.shown, s.candidates, s.exempt = nil, nil, nil
	a.note(s, before)
	s.next = time.Time{}
	a.unlist(s)
}

// unlist takes a subject out of where it is kept.
func (a *Auditor) unlist(s *subject) {
	a.view.unevaluate(s.unevaluated, nil)
	s.unevaluated = nil
	r := s.resource
	switch {
	case r == nil:
	case s.key == "":
		if r.self == s {
			r.self = nil
		}
	case r.subjects[s.key] == s:
		delete(r.subjects, s.key)
		if r.crowded && len(r.subjects) < maxSubjects/10*9 && r.next == nil {
			r.crowded = false
			a.view.resource(r.uid, r.unevaluated())
			a.requestSweep(r)
		}
	}
}
