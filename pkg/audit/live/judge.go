package live

import (
	"errors"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// judgeExemptions takes in what is wrong with the exemptions themselves.
func (a *Auditor) judgeExemptions() {
	a.conclude(a.own, a.opts.Before, nil, time.Now())
}

// judgeObject evaluates an object, which err says could not be read.
func (a *Auditor) judgeObject(r *resource, record *watch.Record, o *audit.Object, err error) {
	j, now := job{r.uid, record.Key()}, time.Now()
	s := r.subjects[j.key]
	if s != nil {
		s.unseen = false
	}
	if err != nil {
		a.cannot(r, s, j.key, err)
		return
	}
	def, err := a.definition(r)
	if err != nil {
		a.cannot(r, s, j.key, err)
		return
	}
	in := &audit.Input{
		Now: now, CRD: def.CRD, Earlier: a.earlierRevision(r), Object: o, Peers: a.allPeers(), Updates: a.updates.of(j),
	}
	if !a.ask(j, audit.AboutObject, in) {
		return // it goes on when the answers are here
	}
	v := a.opts.Evaluator.Evaluate(audit.AboutObject, in)
	if s == nil {
		if len(v.Findings)+len(v.Suppressed)+len(v.Unevaluated) == 0 {
			return
		}
		if s = a.newSubject(r, j.key); s == nil {
			return
		}
	}
	s.ref = watch.ResourceRef{Group: r.Resource.GVR.Group, Version: r.Resource.GVR.Version, Resource: r.Resource.GVR.Resource, Kind: r.Resource.Kind}
	s.revision = revision{record.UID(), record.ResourceVersion(), record.Generation()}
	a.conclude(s, v, a.candidates(s, v, in, audit.AboutObject), now)
	if len(s.candidates) > 0 {
		a.followAll(j)
	}
}

// newSubject returns nil where there are too many.
func (a *Auditor) newSubject(r *resource, key string) *subject {
	if len(r.subjects) >= maxSubjects {
		if !r.crowded {
			r.crowded = true
			a.view.resource(r.uid, r.unevaluated())
			a.opts.Log.Warn("more objects have findings than are kept", "resource", r.name, "kept", maxSubjects)
		}
		return nil
	}
	s := &subject{resource: r, key: key}
	r.subjects[key] = s
	return s
}

// cannot notes that an object could not be read: its findings stay.
func (a *Auditor) cannot(r *resource, s *subject, key string, err error) {
	if errors.Is(err, errGone) {
		return // and so will be the object
	}
	if s == nil {
		if s = a.newSubject(r, key); s == nil {
			return
		}
	}
	why := []audit.Unevaluated{{Resource: r.name, Reason: unreadable, Message: err.Error()}}
	a.view.unevaluate(s.unevaluated, why)
	s.unevaluated = why
}

// judgeCRD evaluates a CRD, if it is time.
func (a *Auditor) judgeCRD(r *resource) {
	delete(a.due, r)
	failure, census := r.failure(), r.census()
	a.view.setConditions(r, census)
	if census == nil && failure == nil {
		return // the end of the sweep comes here again
	}
	began := time.Now()
	def, err := a.definition(r)
	if err != nil {
		a.unreadableCRD(r, err)
		return
	}
	if census != nil {
		census.Growth = r.growth
	}
	in := &audit.Input{
		Now: began, CRD: def.CRD, Earlier: a.earlierRevision(r), Census: census, Failure: failure, Peers: a.allPeers(),
	}
	if !a.ask(job{r.uid, ""}, audit.AboutCRD, in) {
		return
	}
	v := a.opts.Evaluator.Evaluate(audit.AboutCRD, in)
	if r.self == nil {
		r.self = &subject{resource: r}
	}
	s := r.self
	s.unseen = false
	crds := discovery.CRDs()
	s.ref = watch.ResourceRef{Group: crds.GVR.Group, Version: crds.GVR.Version, Resource: crds.GVR.Resource, Kind: crds.Kind}
	s.revision = revision{r.uid, def.ResourceVersion, def.Generation}
	a.conclude(s, v, a.candidates(s, v, in, audit.AboutCRD), began)
	s.judged = time.Now()
	s.took = s.judged.Sub(began)
}

func (a *Auditor) unreadableCRD(r *resource, err error) {
	if errors.Is(err, errGone) {
		return
	}
	a.view.resource(r.uid, &audit.Unevaluated{Resource: r.name, Reason: unreadable, Message: err.Error()})
}

// candidates are the findings of a verdict, and those from before that it says nothing
// about: a rule that cannot tell, or could not now, leaves its findings as they are.
func (a *Auditor) candidates(s *subject, v audit.Verdict, in *audit.Input, about audit.About) []candidate {
	generation := s.revision.generation
	history := a.fromHistory(v, in, about)
	list := make([]candidate, 0, len(v.Findings))
	found := map[string]bool{}
	for _, f := range v.Findings {
		found[f.Fingerprint] = true
		list = append(list, candidate{f, history[f.Fingerprint], generation})
	}
	for _, f := range v.Suppressed {
		found[f.Fingerprint] = true
	}
	unable := map[string]bool{}
	for _, u := range v.Unevaluated {
		unable[u.Rule] = true
	}
	for _, c := range s.candidates {
		if found[c.Fingerprint] {
			continue
		}
		forgotten := c.fromHistory && c.generation == generation && in.Earlier == nil && len(in.Updates) == 0
		// Without its objects, many a rule about a CRD has nothing to say.
		blind := about == audit.AboutCRD && in.Failure != nil
		if unable[c.Rule] || blind || forgotten {
			list = append(list, c)
		}
	}
	return list
}

// fromHistory returns the findings that a process which has just started would not make.
func (a *Auditor) fromHistory(v audit.Verdict, in *audit.Input, about audit.About) map[string]bool {
	if len(v.Findings) == 0 || in.Earlier == nil && len(in.Updates) == 0 {
		return nil
	}
	blank := *in
	blank.Earlier, blank.Updates = nil, nil
	made := map[string]bool{}
	for _, f := range a.opts.Evaluator.Evaluate(about, &blank).Findings {
		made[f.Fingerprint] = true
	}
	history := map[string]bool{}
	for _, f := range v.Findings {
		if !made[f.Fingerprint] {
			history[f.Fingerprint] = true
		}
	}
	return history
}

// conclude makes a verdict the one that counts.
func (a *Auditor) conclude(s *subject, v audit.Verdict, candidates []candidate, now time.Time) {
	if candidates == nil {
		for _, f := range v.Findings {
			candidates = append(candidates, candidate{Finding: f})
		}
	}
	a.view.unevaluate(s.unevaluated, v.Unevaluated)
	s.candidates, s.suppressed, s.unevaluated = candidates, v.Suppressed, v.Unevaluated
	a.settle(s, now)
	if s.resource != nil && s.key != "" && len(s.candidates)+len(s.suppressed)+len(s.unevaluated) == 0 {
		a.unlist(s)
	}
}

// reconsider evaluates once more, because an answer has changed.
func (a *Auditor) reconsider(j job) {
	r := a.resources[j.crd]
	switch {
	case r == nil:
		return
	case j.key == "":
		a.due[r] = time.Now()
		return
	}
	record := a.opts.Source.Record(j.crd, j.key)
	if record == nil {
		return
	}
	o, err := a.read(r, record)
	a.judgeObject(r, record, o, err)
}

// allPeers are all CRDs, as rules see them. The number of their objects is that of when
// a CRD last came, went or was edited, or had its first or last object.
func (a *Auditor) allPeers() []audit.Peer {
	if !a.peersOld {
		return a.peers
	}
	a.peersOld = false
	var peers []audit.Peer
	for _, res := range a.opts.Source.Resources().Sorted() {
		p := audit.Peer{
			CRD: res.CRD, Group: res.GVR.Group, Plural: res.GVR.Resource, Singular: res.Singular, Kind: res.Kind,
			ShortNames: res.ShortNames, Objects: -1,
		}
		if r := a.resources[res.UID]; r != nil && r.Whole && r.census() != nil {
			p.Objects = r.objects()
		}
		peers = append(peers, p)
	}
	a.peers = peers
	return peers
}
