package live

import (
	"container/heap"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// subject is an object or a CRD with findings, or one that could not be judged. Of
// others there is none.
type subject struct {
	resource *resource // nil for what is of no resource, or of one that is not known yet
	key      string    // empty for the CRD
	ref      watch.ResourceRef
	revision revision

	// candidates are all findings of the last evaluation, also those that hold later or
	// no more.
	candidates  []candidate
	suppressed  []audit.Finding
	unevaluated []audit.Unevaluated
	// shown are the findings that hold, by fingerprint, and rules those that found them.
	shown, passed map[string]*audit.Finding
	rules         map[string]bool
	// unseen: restored, or before a sweep, and not looked at since.
	unseen bool
	// next is when something begins or ceases to hold.
	next time.Time
	// judged is when it was evaluated, which took that long.
	judged time.Time
	took   time.Duration
}

// revision is what of an object was judged.
type revision struct {
	uid             types.UID
	resourceVersion string
	generation      int64
}

// candidate is a finding with what must be known of it later.
type candidate struct {
	audit.Finding
	// fromHistory: found by comparing with what was seen before.
	fromHistory bool
	// generation is that of the subject then.
	generation int64
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
	findings := make([]audit.Finding, len(s.candidates))
	history := map[string]bool{}
	for i := range s.candidates {
		findings[i] = s.candidates[i].Finding
		if s.candidates[i].fromHistory {
			history[findings[i].Fingerprint] = true
		}
	}
	holding := byFingerprint(audit.Holding(findings, now))
	for fingerprint, was := range s.shown {
		if holding[fingerprint] == nil {
			a.close(s, was, now)
		}
	}
	for fingerprint, f := range holding {
		if was := s.shown[fingerprint]; was == nil || !reflect.DeepEqual(was, f) {
			a.open(s, f, history[fingerprint], now)
		}
	}
	s.shown = holding
	passed := byFingerprint(audit.Holding(s.suppressed, now))
	a.view.suppress(s.passed, passed)
	s.passed = passed
	a.note(s)
	a.schedule(s, now)
}

func byFingerprint(findings []audit.Finding) map[string]*audit.Finding {
	if len(findings) == 0 {
		return nil
	}
	m := make(map[string]*audit.Finding, len(findings))
	for i := range findings {
		m[findings[i].Fingerprint] = &findings[i]
	}
	return m
}

// note keeps up which rules find something in how many objects.
func (a *Auditor) note(s *subject) {
	var rules map[string]bool
	for _, f := range s.shown {
		if rules == nil {
			rules = map[string]bool{}
		}
		rules[f.Rule] = true
	}
	if s.key == "" || s.resource == nil {
		s.rules = rules
		return
	}
	changed := false
	count := func(rule string, n int) {
		changed = true
		if s.resource.counting != nil {
			s.resource.counting.census.Note(rule, s.key, n)
		}
	}
	for rule := range s.rules {
		if !rules[rule] {
			count(rule, -1)
		}
	}
	for rule := range rules {
		if !s.rules[rule] {
			count(rule, 1)
		}
	}
	s.rules = rules
	if changed {
		a.touch(s.resource)
	}
}

// schedule sets the timer of a subject.
func (a *Auditor) schedule(s *subject, now time.Time) {
	var next time.Time
	consider := func(f *audit.Finding) {
		for _, at := range []time.Time{f.Due, f.Until} {
			if at.After(now) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	for i := range s.candidates {
		consider(&s.candidates[i].Finding)
	}
	for i := range s.suppressed {
		consider(&s.suppressed[i])
	}
	if next.IsZero() || next.Equal(s.next) {
		s.next = next
		return
	}
	s.next = next
	heap.Push(&a.timers, timer{next, s})
}

// remove ends a subject that is gone: nothing is wrong with it any more.
func (a *Auditor) remove(s *subject, now time.Time) {
	s.candidates, s.suppressed = nil, nil
	a.settle(s, now)
	a.unlist(s)
}

// drop forgets a subject without a word.
func (a *Auditor) drop(s *subject) {
	for _, f := range s.shown {
		a.hide(s, f)
	}
	a.view.suppress(s.passed, nil)
	s.shown, s.passed, s.candidates, s.suppressed = nil, nil, nil, nil
	a.note(s)
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
