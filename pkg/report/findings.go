package report

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// Findings is the auditor, as the handler and the metrics see it. Its methods return
// at once.
type Findings interface {
	// Findings returns what holds now.
	Findings() audit.Snapshot
	// Counts returns the number of open findings by rule and severity. A rule that had
	// one stays, with 0.
	Counts() map[audit.Class]int
	// Conditions returns what the objects of each resource say of themselves.
	Conditions() []audit.Conditions
}

// FindingList is the answer to a request for findings. Its JSON form is a public
// contract. Findings are single, the gravest first.
type FindingList struct {
	Items []*audit.Finding `json:"items"`
	// Complete: nothing of what was asked for is NotEvaluated.
	Complete     bool                `json:"complete"`
	NotEvaluated []audit.Unevaluated `json:"notEvaluated"`
	Suppressed   int                 `json:"suppressed"`
}

// findingFilter is what the parameters of a request select.
type findingFilter struct {
	severity                  audit.Severity
	rule, resource, namespace string
}

// ruleID is the form of the ID of a rule.
var ruleID = regexp.MustCompile(`^[A-Z]+[0-9]+$`)

// findings serves the findings that hold now.
func (h *Handler) findings(w http.ResponseWriter, r *http.Request) error {
	params, err := parseParameters(r, "severity", "rule", "resource", "namespace")
	if err != nil {
		return err
	}
	f, err := params.findings()
	if err != nil {
		return err
	}
	// What is not asked for must not use up what may be asked of the API server.
	seen, err := viewOf(r, "list").snapshot(r.Context(), f.selection(h.opts.Findings.Findings()))
	if err != nil {
		return err
	}
	return writeJSON(w, r, newFindingList(seen))
}

func (p parameters) findings() (findingFilter, error) {
	f := findingFilter{rule: p["rule"], resource: p["resource"], namespace: p["namespace"]}
	if s := p["severity"]; s != "" {
		var err error
		if f.severity, err = audit.ParseSeverity(s); err != nil {
			return f, badParameter("severity", "want critical, high, medium, low or info")
		}
	}
	if f.rule != "" && !ruleID.MatchString(f.rule) {
		return f, badParameter("rule", "want the ID of a rule, for example CR004")
	}
	if f.resource != "" && !strings.Contains(f.resource, ".") {
		return f, badParameter("resource", "want plural.group, for example certificates.cert-manager.io")
	}
	return f, nil
}

// selection is what was asked for.
func (f findingFilter) selection(now audit.Snapshot) (selected audit.Snapshot) {
	for _, found := range now.Open {
		if f.wants(found) {
			selected.Open = append(selected.Open, found)
		}
	}
	for _, found := range now.Suppressed {
		if f.wants(found) {
			selected.Suppressed = append(selected.Suppressed, found)
		}
	}
	for _, u := range now.NotEvaluated {
		if (f.rule == "" || u.Rule == "" || f.rule == u.Rule) && (f.resource == "" || u.Resource == f.resource || isCRDs(f.resource)) {
			selected.NotEvaluated = append(selected.NotEvaluated, u)
		}
	}
	return selected
}

// newFindingList sorts.
func newFindingList(seen audit.Snapshot) FindingList {
	l := FindingList{
		Items: append([]*audit.Finding{}, seen.Open...), NotEvaluated: append([]audit.Unevaluated{}, seen.NotEvaluated...),
		Suppressed: len(seen.Suppressed),
	}
	slices.SortFunc(l.Items, func(a, b *audit.Finding) int { return a.Compare(*b) })
	slices.SortFunc(l.NotEvaluated, func(a, b audit.Unevaluated) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	l.Complete = len(l.NotEvaluated) == 0
	return l
}

func (f findingFilter) wants(found *audit.Finding) bool {
	s := &found.Subject
	switch {
	case f.severity != 0 && f.severity != found.Severity, f.rule != "" && f.rule != found.Rule:
		return false
	case f.resource != "" && f.resource != s.ResourceName() && f.resource != defines(s):
		return false
	case f.namespace == NoNamespace:
		return s.Namespace == ""
	}
	return f.namespace == "" || f.namespace == s.Namespace
}

// defines is the resource that a subject defines, if it is a CRD: what is wrong with one
// belongs to what it defines, too.
func defines(s *audit.Subject) string {
	if isCRDs(s.ResourceName()) {
		return s.Name
	}
	return ""
}

func isCRDs(resource string) bool {
	return resource == "customresourcedefinitions.apiextensions.k8s.io"
}

// Audit makes the open findings part of the metrics, and the conditions of objects. It
// is to be called once.
func (m *Metrics) Audit(f Findings) error {
	found := &findingCollector{f, desc("findings", "Findings of the audit that are open.", "rule", "severity")}
	return errors.Join(m.registry.Register(found), m.registry.Register(newConditionCollector(f, m.resources)))
}

type findingCollector struct {
	findings Findings
	desc     *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *findingCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *findingCollector) Collect(ch chan<- prometheus.Metric) {
	for k, n := range c.findings.Counts() {
		ch <- gauge(c.desc, float64(n), token(k.Rule), k.Severity.String())
	}
}
