package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// The output formats of an audit, besides Table, Wide and JSON.
const (
	SARIF       = "sarif"
	JUnit       = "junit"
	OpenReports = "openreports"
)

// The APIs that a report can be made for: AuditOptions.ReportsAPI.
const (
	OpenReportsAPI  = "openreports.io/v1alpha1"
	PolicyReportAPI = "wgpolicyk8s.io/v1alpha2"
)

// ReportsAPIs lists the choices of AuditOptions.ReportsAPI, the default first.
func ReportsAPIs() []string {
	return []string{OpenReportsAPI, PolicyReportAPI}
}

// AuditFormats lists the formats of PrintAudit, the default first.
func AuditFormats() []string {
	return []string{Table, Wide, JSON, SARIF, JUnit, OpenReports}
}

// AuditOptions are the settings of PrintAudit and its relatives.
type AuditOptions struct {
	Palette Palette
	// Width is the number of columns of the terminal that tables are made to fit. 0 is
	// none: then lines of 80 columns are longer where a path or a name is.
	Width int
	// Now is the time of the audit.
	Now time.Time
	// Rules are those that were applied.
	Rules []audit.Rule
	// Version is crdwatch's own.
	Version string
	// FailOn is the least severity that is a failure in JUnit; 0: none is.
	FailOn audit.Severity
	// ReportsAPI is one of ReportsAPIs; empty is the first.
	ReportsAPI string
	// Source tells, for SARIF, from what file and line an object was read; an empty
	// file says that it is not from a file. Nil: none is.
	Source func(audit.Subject) (file string, line int)
}

// PrintAudit renders a report in one of AuditFormats, in one call of w.Write.
func PrintAudit(w io.Writer, format string, r *audit.Report, opts AuditOptions) error {
	render := auditRenderer(format)
	if render == nil {
		return unknownFormat(format, AuditFormats())
	}
	out, err := render(r, &opts)
	if err != nil {
		return fmt.Errorf("rendering the audit: %w", err)
	}
	_, err = w.Write(out)
	return err
}

func auditRenderer(format string) func(*audit.Report, *AuditOptions) ([]byte, error) {
	switch format {
	case Table, Wide:
		return func(r *audit.Report, o *AuditOptions) ([]byte, error) { return auditTable(r, o, format == Wide), nil }
	case JSON:
		return func(r *audit.Report, _ *AuditOptions) ([]byte, error) { return marshalIndent(r) }
	case SARIF:
		return auditSARIF
	case JUnit:
		return auditJUnit
	case OpenReports:
		return auditReports
	}
	return nil
}

// subjectOf is how people read what a finding is about.
func subjectOf(f *audit.Finding) string {
	switch name := f.Subject.ResourceName(); {
	case name == "":
		return "the configuration"
	case isCRD(f.Subject) && f.Subject.Name != "":
		return "CRD " + f.Subject.Name
	case f.Subject.Name == "":
		return name
	default:
		return name + " " + f.Subject.Object()
	}
}

// typeOf is the custom resource type that a finding is about: plural.group.
func typeOf(f *audit.Finding) string {
	if isCRD(f.Subject) && f.Subject.Name != "" {
		return f.Subject.Name
	}
	return cmp.Or(f.Subject.ResourceName(), "the configuration")
}

func isCRD(s audit.Subject) bool {
	return s.Resource == "customresourcedefinitions"
}

// samples are the objects that a group of findings names, as subjects.
func samples(f *audit.Finding) []audit.Subject {
	var subjects []audit.Subject
	for _, object := range f.Samples {
		s := audit.Subject{Group: f.Subject.Group, Resource: f.Subject.Resource, Name: object}
		if namespace, name, ok := strings.Cut(object, "/"); ok {
			s.Namespace, s.Name = namespace, name
		}
		subjects = append(subjects, s)
	}
	return subjects
}

// inWords is 1 finding, 2 findings.
func inWords(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
