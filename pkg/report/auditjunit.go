package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// The elements of JUnit's XML, as Jenkins and GitLab read them
// (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd).
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Skipped *junitOutcome `xml:"skipped"`
	Failure *junitOutcome `xml:"failure"`
	Output  *junitText    `xml:"system-out"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

// auditJUnit renders a report as test results: a suite for each rule, and in it a case
// for each type that it found something in. So a case keeps its name while objects come
// and go, and a pipeline can show since when it fails. What was not evaluated is
// skipped, and a rule that found nothing has one case that passes.
func auditJUnit(r *audit.Report, opts *AuditOptions) ([]byte, error) {
	all := junitSuites{Name: "crdwatch audit", Time: "0"}
	for _, s := range junitRules(r, opts) {
		all.add(s.suite(r, opts))
	}
	out, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(append([]byte(xml.Header), out...), '\n'), nil
}

// junitRule is what a suite is about; without an ID it is about what no rule could be
// applied to.
type junitRule struct{ id, title string }

// junitRules are those that were applied, and any others that the report speaks of.
func junitRules(r *audit.Report, opts *AuditOptions) []junitRule {
	titles := map[string]string{}
	for _, u := range r.NotEvaluated {
		titles[u.Rule] = cmp.Or(u.Rule, "reading the objects")
	}
	for i := range r.Findings {
		titles[r.Findings[i].Rule] = r.Findings[i].Rule + " " + r.Findings[i].Name
	}
	for i := range opts.Rules {
		titles[opts.Rules[i].ID] = opts.Rules[i].ID + " " + opts.Rules[i].Name
	}
	var rules []junitRule
	for _, id := range slices.Sorted(maps.Keys(titles)) {
		rules = append(rules, junitRule{id, plain(titles[id])})
	}
	return rules
}

func (j junitRule) suite(r *audit.Report, opts *AuditOptions) junitSuite {
	s := junitSuite{Name: j.title, Time: "0"}
	if !opts.Now.IsZero() {
		s.Timestamp = opts.Now.UTC().Format("2006-01-02T15:04:05")
	}
	byType := map[string][]*audit.Finding{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Rule == j.id {
			byType[typeOf(f)] = append(byType[typeOf(f)], f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byType)) {
		s.add(j.found(name, byType[name], opts.FailOn))
	}
	if len(byType) == 0 && j.id != "" {
		s.add(junitCase{Class: j.title, Name: "what was evaluated", Time: "0"})
	}
	unevaluated := map[string][]string{}
	for _, u := range r.NotEvaluated {
		if u.Rule == j.id {
			unevaluated[u.Resource] = append(unevaluated[u.Resource], plain(u.Reason+": "+u.Message))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unevaluated)) {
		s.add(j.skipped(name, unevaluated[name]))
	}
	return s
}

// found is the case of a type: it fails by what is grave enough, and tells the rest.
func (j junitRule) found(name string, findings []*audit.Finding, failOn audit.Severity) junitCase {
	c := junitCase{Class: j.title, Name: plain(name), Time: "0"}
	var failed, other []string
	for _, f := range findings {
		if text := junitFinding(f); failOn > 0 && f.Severity >= failOn {
			failed = append(failed, text)
		} else {
			other = append(other, text)
		}
	}
	if len(failed) > 0 {
		message := shorten(plain(sentence(findings[0])), maxMessage) // the gravest comes first
		if n := len(failed) - 1; n > 0 {
			message += " (and " + inWords(n, "more finding") + ")"
		}
		c.Failure = &junitOutcome{Message: message, Type: findings[0].Severity.String(), Text: strings.Join(failed, "\n\n")}
	}
	if len(other) > 0 {
		c.Output = &junitText{Text: strings.Join(other, "\n\n")}
	}
	return c
}

func junitFinding(f *audit.Finding) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\nFix: %s", f.Severity, plain(sentence(f)), plain(f.Remediation))
	if !f.Since.IsZero() {
		fmt.Fprintf(&b, "\nSince: %s", f.Since.UTC().Format(time.RFC3339))
	}
	return b.String()
}

func (j junitRule) skipped(name string, why []string) junitCase {
	slices.Sort(why)
	message := shorten(why[0], maxMessage)
	if n := len(why) - 1; n > 0 {
		message += " (and " + inWords(n, "more reason") + ")"
	}
	return junitCase{
		Class: j.title, Name: plain(name) + ": not evaluated", Time: "0",
		Skipped: &junitOutcome{Message: message, Text: strings.Join(why, "\n")},
	}
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

func (all *junitSuites) add(s junitSuite) {
	all.Suites = append(all.Suites, s)
	all.Tests += s.Tests
	all.Failures += s.Failures
	all.Skipped += s.Skipped
}
