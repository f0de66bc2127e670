package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// ReportSchemaVersion is the version of the JSON form of a Report.
const ReportSchemaVersion = "v1"

// maxSamples is how many objects a group of findings names.
const maxSamples = 5

// Report is what an audit found. Its JSON form is a public contract.
type Report struct {
	SchemaVersion string `json:"schemaVersion"`
	// Complete: nothing is NotEvaluated.
	Complete     bool          `json:"complete"`
	NotEvaluated []Unevaluated `json:"notEvaluated"`
	// Suppressed is the number of findings that were passed over, those of the
	// baseline among them.
	Suppressed int `json:"suppressed"`
	// Findings are grouped, the gravest first.
	Findings []Finding `json:"findings"`
}

// Worst returns the gravest severity of the findings, 0 without any.
func (r *Report) Worst() Severity {
	var worst Severity
	for i := range r.Findings {
		worst = max(worst, r.Findings[i].Severity)
	}
	return worst
}

// Collector makes a Report of many verdicts. What it keeps grows with the number of
// different findings, not with that of objects. It is not safe for concurrent use.
type Collector struct {
	// Now is the time for which findings hold or not.
	Now time.Time
	// Known reports whether the baseline has a finding; nil: there is none.
	Known func(*Finding) bool
	// Seen is told of each finding that holds and is not suppressed; may be nil. The
	// baseline is written from it.
	Seen func(*Finding)

	groups      map[group]*Finding
	unevaluated map[Unevaluated]bool
	suppressed  int
}

// group is what findings have in common that are shown as one.
type group struct {
	rule, resource, path, summary string
	severity                      Severity
}

// Add takes in a verdict, and returns how many findings of it hold.
func (c *Collector) Add(v Verdict) int {
	for i := range v.Suppressed {
		if v.Suppressed[i].HoldsAt(c.Now) {
			c.suppressed++
		}
	}
	for _, u := range v.Unevaluated {
		c.NotEvaluated(u)
	}
	holding := Holding(v.Findings, c.Now)
	for i := range holding {
		c.add(&holding[i])
	}
	return len(holding)
}

// NotEvaluated takes in something that could not be judged.
func (c *Collector) NotEvaluated(u Unevaluated) {
	if c.unevaluated == nil {
		c.unevaluated = map[Unevaluated]bool{}
	}
	c.unevaluated[u] = true
}

func (c *Collector) add(f *Finding) {
	if c.Seen != nil {
		c.Seen(f)
	}
	if c.Known != nil && c.Known(f) {
		c.suppressed++
		return
	}
	k := group{f.Rule, f.Subject.ResourceName(), NormalizePath(f.Path), f.Summary, f.Severity}
	if f.Subject.Resource == crdResource {
		k.summary = f.Subject.Name + "\n" + k.summary // CRDs are never alike
	}
	if c.groups == nil {
		c.groups = map[group]*Finding{}
	}
	g := c.groups[k]
	if g == nil {
		first := *f
		c.groups[k] = &first
		return
	}
	g.join(f)
}

// crdResource is the plural of CRDs themselves.
const crdResource = "customresourcedefinitions"

// join makes a group of a single finding, or adds to a group.
func (f *Finding) join(g *Finding) {
	if f.Count == 1 {
		f.Samples = []string{f.Subject.Object()}
		f.Subject.Namespace, f.Subject.Name, f.Subject.UID = "", "", ""
		f.Path, f.Message = NormalizePath(f.Path), f.Summary
		f.Remediation = cmp.Or(f.General, f.Remediation)
		// Severity and summary too tell groups of one path apart.
		f.Fingerprint = Fingerprint(f.Rule, f.Subject, f.Path+"\n"+f.Severity.String()+"\n"+f.Summary)
	}
	f.Count += g.Count
	samples := g.Samples
	if g.Count == 1 {
		samples = []string{g.Subject.Object()}
	}
	f.Samples = append(f.Samples, samples[:min(len(samples), maxSamples-len(f.Samples))]...)
	if f.Since.IsZero() || !g.Since.IsZero() && g.Since.Before(f.Since) {
		f.Since = g.Since
	}
}

// Report returns what was collected so far.
func (c *Collector) Report() *Report {
	r := &Report{
		SchemaVersion: ReportSchemaVersion, Complete: len(c.unevaluated) == 0,
		NotEvaluated: []Unevaluated{}, Findings: []Finding{}, Suppressed: c.suppressed,
	}
	for u := range c.unevaluated {
		r.NotEvaluated = append(r.NotEvaluated, u)
	}
	Refer(r.NotEvaluated, maps.Values(c.groups))
	slices.SortFunc(r.NotEvaluated, func(a, b Unevaluated) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	for _, f := range c.groups {
		shown := *f
		shown.Samples = append([]string{}, f.Samples...)
		slices.Sort(shown.Samples)
		r.Findings = append(r.Findings, shown)
	}
	slices.SortFunc(r.Findings, Finding.Compare)
	return r
}

// Holding returns the findings that hold at a time, of those with the same fingerprint
// the gravest alone.
func Holding(findings []Finding, now time.Time) []Finding {
	worst := map[string]int{}
	var holding []Finding
	for i := range findings {
		f := &findings[i]
		if !f.HoldsAt(now) {
			continue
		}
		j, ok := worst[f.Fingerprint]
		switch {
		case !ok:
			worst[f.Fingerprint] = len(holding)
			holding = append(holding, *f)
		case f.Severity > holding[j].Severity:
			holding[j] = *f
		}
	}
	return holding
}

// Merge takes in what another Collector has collected, which is not used any more. It
// does not call Known and Seen: the other one did.
func (c *Collector) Merge(d *Collector) {
	c.suppressed += d.suppressed
	for u := range d.unevaluated {
		c.NotEvaluated(u)
	}
	if c.groups == nil {
		c.groups = map[group]*Finding{}
	}
	for k, f := range d.groups {
		if g := c.groups[k]; g != nil {
			g.join(f)
		} else {
			c.groups[k] = f
		}
	}
}
