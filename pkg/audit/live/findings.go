package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// blamed are the findings that are open. Several subjects may have the same one: a rule
// about CRDs can blame something else, which others blame too. Then the gravest is shown.
type blamed struct {
	shown map[fingerprint]*finding
	// shared has all of those that more than one subject has.
	shared map[fingerprint][]*finding
}

func newBlamed() *blamed {
	return &blamed{shown: map[fingerprint]*finding{}, shared: map[fingerprint][]*finding{}}
}

// replace takes in that a subject has a finding instead of another of the same
// fingerprint; nil is none. It returns what was shown and what is.
func (b *blamed) replace(was, is *finding) (before, after *finding) {
	var id fingerprint
	switch {
	case was != nil:
		id = was.fingerprint
	case is != nil:
		id = is.fingerprint
	}
	before = b.shown[id]
	all := slices.Clone(b.shared[id])
	if all == nil && before != nil {
		all = []*finding{before}
	}
	all = slices.DeleteFunc(all, func(f *finding) bool { return f == was })
	if is != nil {
		all = append(all, is)
	}
	b.set(id, all)
	return before, b.shown[id]
}

func (b *blamed) set(id fingerprint, all []*finding) {
	delete(b.shared, id)
	if len(all) == 0 {
		delete(b.shown, id)
		return
	}
	if len(all) > 1 {
		b.shared[id] = all
	}
	b.shown[id] = slices.MaxFunc(all, func(f, g *finding) int {
		return cmp.Or(cmp.Compare(f.severity(), g.severity()), cmp.Compare(g.text(), f.text()))
	})
}

// replace takes in that a subject has a finding instead of another of the same
// fingerprint, nil for none, and tells of it what matters: that it is there, how grave it
// is, and that it is no more.
func (a *Auditor) replace(s *subject, was, is *finding, now time.Time) {
	before, after := a.swap(was, is)
	switch {
	case after == nil && before != nil:
		a.tell(s, before, watch.FindingInfo{State: watch.FindingResolved}, now)
	case after == nil:
	case before == nil:
		a.tell(s, after, watch.FindingInfo{State: watch.FindingOpen, FromHistory: after.fromHistory}, now)
	case before.severity() != after.severity():
		info := watch.FindingInfo{State: watch.FindingOpen, FromHistory: after.fromHistory, OldSeverity: before.severity().String()}
		a.tell(s, after, info, now)
	}
}

// swap is replace without a word.
func (a *Auditor) swap(was, is *finding) (before, after *finding) {
	before, after = a.blamed.replace(was, is)
	a.view.replace(before, after)
	return before, after
}

// tell records the event of a finding.
func (a *Auditor) tell(s *subject, told *finding, info watch.FindingInfo, now time.Time) {
	at, f := now.UTC().Truncate(time.Microsecond), told.whole()
	info.Rule, info.Name, info.Severity = f.Rule, f.Name, f.Severity.String()
	info.Subject = watch.FindingSubject{
		Group: f.Subject.Group, Resource: f.Subject.Resource, Namespace: f.Subject.Namespace, Name: f.Subject.Name, UID: f.Subject.UID,
	}
	info.Path, info.Message, info.Since, info.Remediation = f.Path, f.Message, f.Since, f.Remediation
	info.Count, info.Samples, info.Fingerprint, info.Until = f.Count, f.Samples, f.Fingerprint, f.Until
	if info.Samples == nil {
		info.Samples = []string{}
	}
	ev := watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: watch.FindingID(f.Fingerprint, info.State, at), Time: at,
		Type: watch.Finding, Origin: watch.Live,
		Resource:  watch.ResourceRef{Group: f.Subject.Group, Resource: f.Subject.Resource},
		Namespace: f.Subject.Namespace, Name: f.Subject.Name, UID: f.Subject.UID, Finding: &info,
	}
	if ref := s.ref.Value(); ref.Group == f.Subject.Group && ref.Resource == f.Subject.Resource {
		ev.Resource = ref
	}
	if s.id != nil && s.id.UID == f.Subject.UID {
		ev.ResourceVersion, ev.Generation = s.resourceVersion, s.generation
	}
	a.opts.Record(watch.Entry{Events: []watch.Event{ev}})
}

// findingOf is the finding that an event told of.
func findingOf(i *watch.FindingInfo) (audit.Finding, error) {
	severity, err := audit.ParseSeverity(i.Severity)
	return audit.Finding{
		Rule: i.Rule, Name: i.Name, Severity: severity,
		Subject: audit.Subject{Group: i.Subject.Group, Resource: i.Subject.Resource, Namespace: i.Subject.Namespace,
			Name: i.Subject.Name, UID: i.Subject.UID},
		Path: i.Path, Message: i.Message, Since: i.Since, Remediation: i.Remediation, Count: i.Count, Samples: i.Samples,
		Fingerprint: i.Fingerprint, Until: i.Until,
	}, err
}
