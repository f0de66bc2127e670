package report

import (
	"cmp"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// fingerprintKey names how our fingerprints are made; another way gets another name.
const fingerprintKey = "crdwatch/v1"

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// auditSARIF renders a report as SARIF 2.1.0
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
func auditSARIF(r *audit.Report, opts *AuditOptions) ([]byte, error) {
	return marshalIndent(sarifReport(r, opts))
}

func sarifReport(r *audit.Report, opts *AuditOptions) *sarif.Report {
	run := sarif.NewRunWithInformationURI("crdwatch", "https://github.com/crdwatch/crdwatch")
	if opts.Version != "" {
		run.Tool.Driver.WithVersion(opts.Version)
	}
	rules := sortedRules(opts.Rules)
	for i := range rules {
		run.Tool.Driver.AddRule(sarifRule(&rules[i]))
	}
	run.AddInvocation(sarifInvocation(r, rules, opts.Now))
	for i := range r.Findings {
		run.AddResult(sarifResult(&r.Findings[i], rules, opts))
	}
	run.WithProperties(sarif.NewPropertyBag().Add("suppressed", r.Suppressed).Add("complete", r.Complete))
	report := sarif.NewReport().AddRun(run)
	report.Schema = sarifSchema
	return report
}

func sortedRules(rules []audit.Rule) []audit.Rule {
	return slices.SortedFunc(slices.Values(rules), func(a, b audit.Rule) int { return cmp.Compare(a.ID, b.ID) })
}

func ruleIndex(rules []audit.Rule, id string) int {
	return slices.IndexFunc(rules, func(r audit.Rule) bool { return r.ID == id })
}

func sarifRule(r *audit.Rule) *sarif.ReportingDescriptor {
	config := sarif.NewReportingConfiguration().WithLevel(sarifLevel(r.Severity))
	config.Enabled = true
	return sarif.NewRule(r.ID).WithName(r.Name).
		WithDescription(r.Summary()).
		WithFullDescription(sarif.NewMultiformatMessageString().WithText(r.Summary() + " " + r.Remediation)).
		WithMarkdownHelp(r.Page()).
		WithDefaultConfiguration(config).
		WithProperties(sarif.NewPropertyBag().Add("severity", r.Severity.String()).WithTags([]string{"kubernetes", "custom-resources"}))
}

// sarifLevel has fewer steps than severities have; the severity is a property.
func sarifLevel(s audit.Severity) string {
	switch s {
	case audit.Critical, audit.High:
		return sarif.LevelError
	case audit.Medium:
		return sarif.LevelWarning
	}
	return sarif.LevelNote
}

// sarifInvocation says what could not be evaluated. That is an error of the run, not a
// result: consumers must not take what is missing for clean.
func sarifInvocation(r *audit.Report, rules []audit.Rule, now time.Time) *sarif.Invocation {
	in := sarif.NewInvocation().WithExecutionSuccessful(r.Complete)
	if !now.IsZero() {
		in.WithStartTimeUtc(now.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	for i := range r.NotEvaluated {
		u := &r.NotEvaluated[i]
		n := sarif.NewNotification().
			WithMessage(sarif.NewTextMessage(plain(u.Resource + " was not evaluated: " + u.Reason + ": " + u.Message))).
			WithLevel(sarif.LevelError).
			WithDescriptor(sarif.NewReportingDescriptorReference().WithID(u.Reason)).
			AddLocation(sarif.NewLocation().AddLogicalLocation(logicalLocation(u.Resource, "type")))
		if u.Rule != "" {
			n.WithAssociatedRule(sarif.NewReportingDescriptorReference().WithID(u.Rule).WithIndex(ruleIndex(rules, u.Rule)))
		}
		in.AddToolExecutionNotification(n)
	}
	return in
}

func sarifResult(f *audit.Finding, rules []audit.Rule, opts *AuditOptions) *sarif.Result {
	properties := sarif.NewPropertyBag().Add("severity", f.Severity.String()).Add("remediation", f.Remediation)
	if f.Path != "" {
		properties.Add("path", f.Path)
	}
	if !f.Since.IsZero() {
		properties.Add("since", f.Since.UTC().Format(time.RFC3339))
	}
	result := sarif.NewResult().WithRuleID(f.Rule).WithRuleIndex(ruleIndex(rules, f.Rule)).
		WithLevel(sarifLevel(f.Severity)).
		WithMessage(sarif.NewTextMessage(plain(sentence(f)))).
		WithPartialFingerprints(map[string]string{fingerprintKey: f.Fingerprint}).
		WithOccurrenceCount(f.Count).
		WithProperties(properties)
	objects := samples(f)
	where := f.Subject
	if len(objects) > 0 && where.Name == "" && inFile(objects[0], opts) {
		where = objects[0]
	}
	result.AddLocation(location(where, opts))
	for _, o := range objects {
		result.AddRelatedLocation(location(o, opts))
	}
	return result
}

// sentence names the subject, which a message does not: most viewers of SARIF and JUnit
// show little else.
func sentence(f *audit.Finding) string {
	text := subjectOf(f)
	if f.Path != "" {
		text += " " + f.Path
	}
	text += ": " + f.Message
	if f.Count > 1 {
		text += " (" + sampled(f) + ")"
	}
	return text
}

func inFile(s audit.Subject, opts *AuditOptions) bool {
	if opts.Source == nil {
		return false
	}
	file, _ := opts.Source(s)
	return file != ""
}

// location is an object as a logical location, and as a physical one. GitHub's code
// scanning refuses results without a URI; an object that is in no file gets one that
// tells which it is, and that is the same in every run.
func location(s audit.Subject, opts *AuditOptions) *sarif.Location {
	name, kind := s.ResourceName(), "type"
	if s.Name != "" {
		name, kind = name+"/"+s.Object(), "resource"
	}
	l := sarif.NewLocation()
	if name != "" {
		l.AddLogicalLocation(logicalLocation(name, kind))
	}
	uri, line := artifact(s, opts)
	return l.WithPhysicalLocation(sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewArtifactLocation().WithURI(uri)).
		WithRegion(sarif.NewRegion().WithStartLine(line)))
}

func logicalLocation(name, kind string) *sarif.LogicalLocation {
	return sarif.NewLogicalLocation().WithFullyQualifiedName(name).WithKind(kind)
}

func artifact(s audit.Subject, opts *AuditOptions) (uri string, line int) {
	if inFile(s, opts) {
		file, line := opts.Source(s)
		return (&url.URL{Path: filepath.ToSlash(file)}).String(), max(1, line)
	}
	parts := []string{"cluster"}
	for _, p := range []string{s.ResourceName(), s.Namespace, s.Name} {
		if p != "" {
			parts = append(parts, url.PathEscape(p))
		}
	}
	if len(parts) == 1 {
		parts = append(parts, "configuration")
	}
	return strings.Join(parts, "/"), 1
}
