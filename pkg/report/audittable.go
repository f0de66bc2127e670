package report

import (
	"bytes"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// maxMessage is what the table shows of a message, of which the API server's can be
	// very long. The wide form shows all.
	maxMessage = 600
	// maxNotEvaluated is how many resources the table lists that were not evaluated.
	maxNotEvaluated = 10
	// maxCRDs is how many CRDs the table names of those that the same is wrong with.
	maxCRDs = 5
)

// tableOfAudit renders a report for people. wide leaves nothing out and shortens
// nothing.
type tableOfAudit struct {
	*AuditOptions
	wide bool
	b    bytes.Buffer
}

func auditTable(r *audit.Report, opts *AuditOptions, wide bool) []byte {
	t := &tableOfAudit{AuditOptions: opts, wide: wide}
	for _, s := range audit.Severities() {
		t.section(s, r.Findings)
	}
	t.notEvaluated(r.NotEvaluated)
	t.totals(r)
	return t.b.Bytes()
}

// section writes the findings of one severity; nothing without any.
func (t *tableOfAudit) section(s audit.Severity, findings []audit.Finding) {
	groups, objects := tally(findings, s)
	if groups == 0 {
		return
	}
	title := fmt.Sprintf("%s  %s", strings.ToUpper(s.String()), inWords(groups, "finding"))
	if objects > groups {
		title += " about " + inWords(objects, "object")
	}
	fmt.Fprintf(&t.b, "%s\n\n", paint(t.color(s), title))
	for _, alike := range t.alike(findings, s) {
		t.finding(alike)
	}
}

// alike are the findings of a severity, those that say the same of several CRDs together:
// a cluster has hundreds of them. The wide form has each by itself.
func (t *tableOfAudit) alike(findings []audit.Finding, s audit.Severity) [][]*audit.Finding {
	type saying struct{ rule, path, message string }
	var all [][]*audit.Finding
	index := map[saying]int{}
	for i := range findings {
		f := &findings[i]
		if f.Severity != s {
			continue
		}
		key := saying{f.Rule, f.Path, f.Message}
		at, ok := index[key]
		if ok && isCRD(f.Subject) && !t.wide {
			all[at] = append(all[at], f)
			continue
		}
		if isCRD(f.Subject) {
			index[key] = len(all)
		}
		all = append(all, []*audit.Finding{f})
	}
	return all
}

// tally counts the findings of a severity, and what they stand for.
func tally(findings []audit.Finding, s audit.Severity) (groups, objects int) {
	for i := range findings {
		if findings[i].Severity == s {
			groups++
			objects += findings[i].Count
		}
	}
	return groups, objects
}

// finding writes one, or several that are alike.
func (t *tableOfAudit) finding(alike []*audit.Finding) {
	f, subject := alike[0], subjectOf(alike[0])
	if len(alike) > 1 {
		subject = inWords(len(alike), "CRD")
	}
	header := []piece{
		{plain(f.Rule) + " " + plain(f.Name), t.color(f.Severity)},
		{plain(subject), t.Palette.Name},
	}
	if f.Path != "" {
		header = append(header, piece{plain(f.Path), ""})
	}
	if !f.Since.IsZero() && len(alike) == 1 {
		header = append(header, piece{"for " + duration.HumanDuration(t.Now.Sub(f.Since)), t.Palette.Faint})
	}
	t.flow(2, 6).pieces(&t.b, header, "  ")
	t.flow(4, 4).text(&t.b, t.message(f.Message), "")
	switch {
	case f.Count > 1:
		t.flow(4, 6).text(&t.b, sampled(f), t.Palette.Faint)
	case len(alike) > 1:
		t.flow(4, 6).text(&t.b, namedCRDs(alike), t.Palette.Faint)
	}
	if t.wide {
		t.flow(4, 9).text(&t.b, "Fix: "+f.Remediation, "")
		t.flow(4, 6).text(&t.b, "Fingerprint: "+f.Fingerprint, t.Palette.Faint)
	}
	t.b.WriteString("\n")
}

// sampled is "13 objects: web/a, web/b and 11 more".
func sampled(f *audit.Finding) string {
	text := inWords(f.Count, "object")
	if len(f.Samples) > 0 {
		text += ": " + strings.Join(f.Samples, ", ")
	}
	if more := f.Count - len(f.Samples); more > 0 && len(f.Samples) > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// namedCRDs is "a.example.com, b.example.com and 11 more: -o wide shows all".
func namedCRDs(alike []*audit.Finding) string {
	var names []string
	for _, f := range alike[:min(len(alike), maxCRDs)] {
		names = append(names, f.Subject.Name)
	}
	text := strings.Join(names, ", ")
	if more := len(alike) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more: -o wide shows all", more)
	}
	return text
}

func (t *tableOfAudit) message(m string) string {
	if m = plain(m); t.wide {
		return m
	}
	return shorten(m, maxMessage)
}

func (t *tableOfAudit) notEvaluated(list []audit.Unevaluated) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(&t.b, "%s\n\n", paint(t.Palette.Bad, fmt.Sprintf("NOT EVALUATED  %d", len(list))))
	for i := range list {
		if i == maxNotEvaluated && !t.wide {
			fmt.Fprintf(&t.b, "  and %d more: -o wide shows all\n\n", len(list)-i)
			return
		}
		u := &list[i]
		header := []piece{{plain(u.Resource), t.Palette.Name}, {plain(u.Reason), ""}}
		if u.Rule != "" {
			header = append(header, piece{plain(u.Rule), ""})
		}
		t.flow(2, 6).pieces(&t.b, header, "  ")
		t.flow(4, 4).text(&t.b, t.message(u.Message), "")
		t.b.WriteString("\n")
	}
}

// totals is the last line: what was found, and what is not shown.
func (t *tableOfAudit) totals(r *audit.Report) {
	var counts []string
	objects := 0
	for _, s := range audit.Severities() {
		if groups, n := tally(r.Findings, s); groups > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", groups, s))
			objects += n
		}
	}
	total := "no findings"
	if len(counts) > 0 {
		total = inWords(len(r.Findings), "finding")
		if objects > len(r.Findings) {
			total += " about " + inWords(objects, "object")
		}
		total += ": " + strings.Join(counts, ", ")
	}
	total += fmt.Sprintf("; %d suppressed", r.Suppressed)
	if !r.Complete {
		total += fmt.Sprintf("; incomplete: %d not evaluated", len(r.NotEvaluated))
	}
	if t.Width == 0 { // for programs, it is one line
		t.b.WriteString(total + "\n")
		return
	}
	t.flow(0, 2).text(&t.b, total, "")
}

func (t *tableOfAudit) flow(first, rest int) flow {
	return newFlow(first, rest, t.Width)
}

func (t *tableOfAudit) color(s audit.Severity) string { return t.Palette.severity(s) }
