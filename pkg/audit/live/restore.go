package live

import (
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// restore takes in the findings that were open when the last process ended. They are
// not shown before their resource is watched again.
func (a *Auditor) restore(events []watch.Event) {
	a.own = newSubject(nil, "")
	a.own.unseen = true
	for i := range events {
		ev := &events[i]
		if ev.Finding == nil {
			continue
		}
		if err := a.restoreFinding(ev); err != nil {
			a.opts.Log.Error("reading an open finding", "event", ev.ID, "error", err)
		}
	}
	a.reopen(a.own)
}

func (a *Auditor) restoreFinding(ev *watch.Event) error {
	f, err := findingOf(ev.Finding)
	if err != nil {
		return err
	}
	s := a.restored(f.Subject)
	if s != a.own {
		s.identify(f.Subject, ev.Resource)
	}
	kept, err := newFinding(&f, s.id)
	if err != nil {
		return err
	}
	kept.fromHistory, kept.generation = ev.Finding.FromHistory, ev.Generation
	s.revision = revision{ev.ResourceVersion, ev.Generation}
	s.candidates = append(s.candidates, kept)
	return nil
}

// restoreCounts takes in how many objects there were.
func (a *Auditor) restoreCounts(counts []watch.Counts) {
	for _, c := range counts {
		list := make([]audit.Growth, len(c.List))
		for i := range c.List {
			list[i] = audit.Growth(c.List[i])
		}
		a.counts[c.Resource] = list
	}
}

// restored returns the subject that has a restored finding.
func (a *Auditor) restored(of audit.Subject) *subject {
	crd, key := of.ResourceName(), of.Object()
	switch crd {
	case "":
		return a.own
	case discovery.CRDs().CRD:
		crd, key = of.Name, ""
	}
	if of.Name == "" {
		key = "" // a namespace, or all objects: only the CRD is judged with such a result
	}
	known := a.waiting[crd]
	if known == nil {
		known = map[string]*subject{}
		a.waiting[crd] = known
	}
	if known[key] == nil {
		known[key] = newSubject(nil, key)
		known[key].unseen = true
	}
	return known[key]
}

// reopen shows what a restored subject has, and tells nobody: they know.
func (a *Auditor) reopen(s *subject) {
	known := map[fingerprint]bool{}
	for _, f := range s.candidates {
		if known[f.fingerprint] {
			continue
		}
		known[f.fingerprint] = true
		s.shown = append(s.shown, f)
		a.swap(nil, f)
	}
	a.note(s, nil)
	a.schedule(s, time.Now())
}

// adopt gives a resource what was known of it.
func (a *Auditor) adopt(r *resource) {
	r.growth = a.counts[r.uid]
	delete(a.counts, r.uid)
	for key, s := range a.waiting[r.name] {
		s.resource = r
		if key == "" && !r.Whole {
			continue // it is not judged now
		}
		if key == "" {
			r.self = s
		} else {
			r.subjects[key] = s
		}
		a.reopen(s)
	}
	delete(a.waiting, r.name)
}

// dropUnknown ends what is open of CRDs that are not there any more. Of those that are
// there and not watched nothing is known: they stay as they are for a process that
// watches them.
func (a *Auditor) dropUnknown() {
	there := map[string]bool{}
	for _, r := range a.opts.Source.Resources() {
		there[r.CRD] = true
	}
	now := time.Now()
	for crd, subjects := range a.waiting {
		if there[crd] {
			continue
		}
		for _, s := range subjects {
			a.reopen(s)
			a.remove(s, now)
		}
		delete(a.waiting, crd)
	}
}
