package live

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
	"unique"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// finding is an audit.Finding as it is kept, with what must be known of it later. There
// can be tens of thousands: what findings of a rule have in common is there once. It is
// immutable, and may be read by anybody.
type finding struct {
	alike unique.Handle[alike]
	// subject is shared by the findings of one.
	subject *audit.Subject
	// message is empty where it is the summary, and remediation where it is of no single
	// object.
	message, remediation string
	fingerprint          fingerprint
	span                 *span
	// group is set where the finding stands for several objects.
	group *group
	// fromHistory: found by comparing with what was seen before.
	fromHistory bool
	// generation is that of the subject then.
	generation int64
}

// alike is what the findings of many objects have in common.
type alike struct {
	rule, name, path, summary string
	severity                  audit.Severity
	// remediation is that of single objects too, unless general says the same of a group.
	remediation, general string
	apiVersion, kind     string
	explains             bool
}

type fingerprint [sha256.Size]byte

// span is when a finding began, and when it holds; nil where nothing of that is known.
type span struct{ since, due, until time.Time }

type group struct {
	count   int
	samples []string
}

// parseFingerprint reads what audit.Fingerprint writes.
func parseFingerprint(text string) (f fingerprint, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("reading the fingerprint %q: want %d hexadecimal digits", text, 2*len(f))
	}
	copy(f[:], b)
	return f, nil
}

// newFinding keeps a finding. The subject is shared if it is that of the finding.
func newFinding(f *audit.Finding, subject *audit.Subject) (*finding, error) {
	id, err := parseFingerprint(f.Fingerprint)
	if err != nil {
		return nil, err
	}
	if subject == nil || *subject != f.Subject {
		own := f.Subject
		subject = &own
	}
	kept := &finding{subject: subject, fingerprint: id}
	common := alike{
		rule: f.Rule, name: f.Name, path: f.Path, summary: f.Summary, severity: f.Severity, remediation: f.Remediation,
		general: f.General, apiVersion: f.APIVersion, kind: f.Kind, explains: f.Explains,
	}
	if f.Message != f.Summary {
		kept.message = f.Message
	}
	if f.General != "" {
		common.remediation, kept.remediation = "", f.Remediation
	}
	if !f.Since.IsZero() || !f.Due.IsZero() || !f.Until.IsZero() {
		kept.span = &span{f.Since, f.Due, f.Until}
	}
	if f.Count != 1 || len(f.Samples) > 0 {
		kept.group = &group{f.Count, f.Samples}
	}
	kept.alike = unique.Make(common)
	return kept, nil
}

// whole returns the finding as rules make it.
func (f *finding) whole() audit.Finding {
	common := f.alike.Value()
	w := audit.Finding{
		Rule: common.rule, Name: common.name, Severity: common.severity, Subject: *f.subject, Path: common.path,
		Message: f.text(), Summary: common.summary,
		Remediation: cmp.Or(f.remediation, common.remediation), General: common.general,
		Count: 1, Samples: []string{}, Fingerprint: hex.EncodeToString(f.fingerprint[:]),
		Explains: common.explains, APIVersion: common.apiVersion, Kind: common.kind,
	}
	if f.span != nil {
		w.Since, w.Due, w.Until = f.span.since, f.span.due, f.span.until
	}
	if f.group != nil {
		w.Count, w.Samples = f.group.count, f.group.samples
	}
	return w
}

// text is the message.
func (f *finding) text() string { return cmp.Or(f.message, f.alike.Value().summary) }

func (f *finding) rule() string { return f.alike.Value().rule }

func (f *finding) severity() audit.Severity { return f.alike.Value().severity }

// class is what the finding is counted by.
func (f *finding) class() audit.Class { return audit.Class{Rule: f.rule(), Severity: f.severity()} }

// same: everything of both is equal.
func (f *finding) same(g *finding) bool {
	return f.alike == g.alike && f.fingerprint == g.fingerprint && *f.subject == *g.subject &&
		f.message == g.message && f.remediation == g.remediation && f.fromHistory == g.fromHistory && f.generation == g.generation &&
		(f.span == g.span || f.span != nil && g.span != nil && *f.span == *g.span) &&
		(f.group == g.group || f.group != nil && g.group != nil && f.group.count == g.group.count && slices.Equal(f.group.samples, g.group.samples))
}

// holdsAt is that of audit.Finding.
func (f *finding) holdsAt(now time.Time) bool {
	if f.span == nil {
		return true
	}
	return !now.Before(f.span.due) && (f.span.until.IsZero() || now.Before(f.span.until))
}

// holding returns the findings that hold at a time, as audit.Holding does: the list itself
// if all do.
func holding(list []*finding, now time.Time) []*finding {
	worst := make(map[fingerprint]*finding, len(list))
	for _, f := range list {
		before := worst[f.fingerprint]
		if f.holdsAt(now) && (before == nil || f.severity() > before.severity()) {
			worst[f.fingerprint] = f
		}
	}
	holds := func(f *finding) bool { return worst[f.fingerprint] == f }
	if !slices.ContainsFunc(list, func(f *finding) bool { return !holds(f) }) {
		return list
	}
	var some []*finding
	for _, f := range list {
		if holds(f) {
			some = append(some, f)
		}
	}
	return some
}

// byFingerprint is for findings of which none has that of another.
func byFingerprint(list []*finding) map[fingerprint]*finding {
	m := make(map[fingerprint]*finding, len(list))
	for _, f := range list {
		m[f.fingerprint] = f
	}
	return m
}

// rulesOf are the rules of findings, each once.
func rulesOf(list []*finding) map[string]bool {
	rules := make(map[string]bool, 1)
	for _, f := range list {
		rules[f.rule()] = true
	}
	return rules
}
