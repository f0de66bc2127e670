package live

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// judgeExemptions takes in what is wrong with the exemptions themselves.
func (a *Auditor) judgeExemptions() {
	a.conclude(a.own, a.opts.Before, a.keep(a.own, a.opts.Before.Findings, nil), time.Now())
}

// judgeObject evaluates an object, which err says could not be read.
func (a *Auditor) judgeObject(r *resource, record *watch.Record, o *audit.Object, err error) {
	if record.MetadataOnly() || a.tryObject(r, record, o, err) {
		a.waited(r, record.Key())
	} else {
		r.waits(record.Key())
	}
}

// tryObject reports false if it goes on when answers are here.
func (a *Auditor) tryObject(r *resource, record *watch.Record, o *audit.Object, err error) bool {
	j, now := job{r.uid, record.Key()}, time.Now()
	s := r.subjects[j.key]
	if s != nil {
		s.unseen = false
	}
	if err != nil {
		a.cannot(r, s, j.key, err)
		return true
	}
	def, err := a.definition(r)
	if err != nil {
		a.cannot(r, s, j.key, err)
		return true
	}
	in := &audit.Input{
		Now: now, CRD: def.CRD, Earlier: a.earlierRevision(r), Object: o, Peers: a.allPeers(), Updates: a.updates.of(j),
	}
	if !a.ask(j, audit.AboutObject, in) {
		return false
	}
	v := a.opts.Evaluator.Evaluate(audit.AboutObject, in)
	if s == nil {
		if len(v.Findings)+len(v.Suppressed)+len(v.Unevaluated) == 0 {
			return true
		}
		if s = a.addSubject(r, j.key); s == nil {
			return true
		}
	}
	gvr := r.Resource.GVR
	id := audit.Subject{Group: gvr.Group, Resource: gvr.Resource, Name: s.key, UID: record.UID()}
	if namespace, name, ok := strings.Cut(s.key, "/"); ok {
		id.Namespace, id.Name = namespace, name
	}
	s.identify(id, watch.ResourceRef{Group: gvr.Group, Version: gvr.Version, Resource: gvr.Resource, Kind: r.Resource.Kind})
	s.revision = revision{record.ResourceVersion(), record.Generation()}
	a.conclude(s, v, a.candidates(s, v, in, audit.AboutObject), now)
	if len(s.candidates) > 0 {
		a.followAll(j)
	}
	return true
}

// addSubject returns nil where there are too many.
func (a *Auditor) addSubject(r *resource, key string) *subject {
	if len(r.subjects) >= maxSubjects {
		if !r.crowded {
			r.crowded = true
			a.view.resource(r.uid, r.unevaluated())
			a.opts.Log.Warn("more objects have findings than are kept", "resource", r.name, "kept", maxSubjects)
		}
		return nil
	}
	s := newSubject(r, key)
	r.subjects[s.key] = s
	return s
}

// cannot notes that an object could not be read: its findings stay.
func (a *Auditor) cannot(r *resource, s *subject, key string, err error) {
	if errors.Is(err, errGone) {
		return // and so will be the object
	}
	if s == nil {
		if s = a.addSubject(r, key); s == nil {
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
	if census == nil && failure == nil && !r.MetadataOnly {
		return // the end of the sweep comes here again
	}
	began := time.Now()
	def, err := a.definition(r)
	if err != nil {
		a.unreadableCRD(r, err)
		return
	}
	if r.unreadable != "" {
		r.unreadable = ""
		a.view.resource(r.uid, r.unevaluated())
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
		r.self = newSubject(r, "")
	}
	s := r.self
	s.unseen = false
	crds := discovery.CRDs()
	s.identify(def.Subject(), watch.ResourceRef{Group: crds.GVR.Group, Version: crds.GVR.Version, Resource: crds.GVR.Resource, Kind: crds.Kind})
	s.revision = revision{def.ResourceVersion, def.Generation}
	a.conclude(s, v, a.candidates(s, v, in, audit.AboutCRD), began)
	r.judged = time.Now()
	r.took = r.judged.Sub(began)
	if census != nil {
		a.firstSelf(r)
	}
}

func (a *Auditor) unreadableCRD(r *resource, err error) {
	if errors.Is(err, errGone) {
		return
	}
	r.unreadable = err.Error()
	a.view.resource(r.uid, r.unevaluated())
}

// candidates are the findings of a verdict, and those from before that it says nothing
// about: a rule that cannot tell, or could not now, leaves its findings as they are.
func (a *Auditor) candidates(s *subject, v audit.Verdict, in *audit.Input, about audit.About) []*finding {
	list := a.keep(s, v.Findings, a.fromHistory(v, in, about))
	found := map[fingerprint]bool{}
	for _, f := range list {
		found[f.fingerprint] = true
	}
	for _, f := range a.keep(s, v.Suppressed, nil) {
		found[f.fingerprint] = true
	}
	unable := map[string]bool{}
	for _, u := range v.Unevaluated {
		unable[u.Rule] = true
	}
	for _, f := range s.candidates {
		if found[f.fingerprint] {
			continue
		}
		forgotten := f.fromHistory && f.generation == s.generation && in.Earlier == nil && len(in.Updates) == 0
		// Without its objects, many a rule about a CRD has nothing to say.
		blind := about == audit.AboutCRD && in.Census == nil
		if unable[f.rule()] || blind || forgotten || a.uncounted(f, in) {
			list = append(list, f)
		}
	}
	return list
}

// keep makes what is kept of findings of a subject. What it has already is shared, so that
// nothing changes where nothing has.
func (a *Auditor) keep(s *subject, found []audit.Finding, history map[string]bool) []*finding {
	if len(found) == 0 {
		return nil
	}
	known := map[fingerprint][]*finding{}
	for _, f := range slices.Concat(s.candidates, s.exempted()) {
		known[f.fingerprint] = append(known[f.fingerprint], f)
	}
	list := make([]*finding, 0, len(found))
	for i := range found {
		kept, err := newFinding(&found[i], s.id)
		if err != nil {
			a.opts.Log.Error("keeping a finding", "rule", found[i].Rule, "error", err)
			continue
		}
		kept.fromHistory, kept.generation = history[found[i].Fingerprint], s.generation
		if same := slices.IndexFunc(known[kept.fingerprint], kept.same); same >= 0 {
			kept = known[kept.fingerprint][same]
		}
		list = append(list, kept)
	}
	return list
}

// uncounted: it is not known any more how many objects there were when a finding of
// growth began. It holds until its time is over.
func (a *Auditor) uncounted(f *finding, in *audit.Input) bool {
	if !a.counting[f.rule()] || f.span == nil || f.span.since.IsZero() || f.span.until.IsZero() || in.Census == nil {
		return false
	}
	known := in.Census.Growth
	return len(known) == 0 || known[0].Time.After(f.span.since)
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
func (a *Auditor) conclude(s *subject, v audit.Verdict, candidates []*finding, now time.Time) {
	a.view.unevaluate(s.unevaluated, v.Unevaluated)
	s.unevaluated = v.Unevaluated
	s.exempts(a.keep(s, v.Suppressed, nil))
	s.candidates = candidates
	a.settle(s, now)
	if s.resource != nil && s.key != "" && len(candidates)+len(v.Suppressed)+len(v.Unevaluated) == 0 {
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
		return // its end is on its way
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
		if r := a.resources[res.UID]; r != nil {
			p.Counting = r.uncounted()
			if r.Whole && r.census() != nil {
				p.Objects = r.objects()
			}
		}
		peers = append(peers, p)
	}
	a.peers = peers
	return peers
}
