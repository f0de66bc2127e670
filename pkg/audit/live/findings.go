package live

import (
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// opened is a finding that is open. Several subjects may have the same one: a rule about
// CRDs can blame something else, which others blame too. Then the gravest is shown.
type opened struct {
	by    map[*subject]*audit.Finding
	shown *audit.Finding
}

// open takes in that a finding holds, or has other contents.
func (a *Auditor) open(s *subject, f *audit.Finding, fromHistory bool, now time.Time) {
	o := a.opened[f.Fingerprint]
	if o == nil {
		o = &opened{by: map[*subject]*audit.Finding{}}
		a.opened[f.Fingerprint] = o
	}
	o.by[s] = f
	a.show(o, s, fromHistory, now)
}

// close takes in that a finding of a subject does not hold any more.
func (a *Auditor) close(s *subject, f *audit.Finding, now time.Time) {
	o := a.opened[f.Fingerprint]
	if o == nil {
		return
	}
	delete(o.by, s)
	if len(o.by) > 0 {
		a.show(o, s, false, now)
		return
	}
	delete(a.opened, f.Fingerprint)
	a.view.hide(o.shown)
	a.tell(s, o.shown, watch.FindingInfo{State: watch.FindingResolved}, now)
}

// hide is close without a word.
func (a *Auditor) hide(s *subject, f *audit.Finding) {
	o := a.opened[f.Fingerprint]
	if o == nil {
		return
	}
	if delete(o.by, s); len(o.by) == 0 {
		delete(a.opened, f.Fingerprint)
		a.view.hide(o.shown)
	}
}

// show brings what is shown in line with who has the finding, and tells of it what
// matters: that it is there, and how grave it is.
func (a *Auditor) show(o *opened, s *subject, fromHistory bool, now time.Time) {
	var worst *audit.Finding
	for _, f := range o.by {
		if worst == nil || f.Severity > worst.Severity || f.Severity == worst.Severity && f.Message < worst.Message {
			worst = f
		}
	}
	was := o.shown
	o.shown = worst
	if was != nil {
		a.view.hide(was)
	}
	a.view.show(worst)
	info := watch.FindingInfo{State: watch.FindingOpen, FromHistory: fromHistory}
	switch {
	case was == nil:
	case was.Severity != worst.Severity:
		info.OldSeverity = was.Severity.String()
	default:
		return
	}
	a.tell(s, worst, info, now)
}

// tell records the event of a finding.
func (a *Auditor) tell(s *subject, f *audit.Finding, info watch.FindingInfo, now time.Time) {
	at := now.UTC().Truncate(time.Microsecond)
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
	if s.ref.Group == f.Subject.Group && s.ref.Resource == f.Subject.Resource {
		ev.Resource = s.ref
	}
	if s.revision.uid == f.Subject.UID {
		ev.ResourceVersion, ev.Generation = s.revision.resourceVersion, s.revision.generation
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
