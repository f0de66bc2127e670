package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// RuleFormats lists the formats of PrintRules, the default first.
func RuleFormats() []string {
	return []string{Table, JSON}
}

// ruleItem is one rule in the JSON form of PrintRules, which is a public contract.
type ruleItem struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Severity    audit.Severity `json:"severity"`
	About       string         `json:"about"`
	Live        bool           `json:"live"`
	Summary     string         `json:"summary"`
	Remediation string         `json:"remediation"`
}

// PrintRules lists opts.Rules in one of RuleFormats, in one call of w.Write.
func PrintRules(w io.Writer, format string, opts AuditOptions) error {
	rules := sortedRules(opts.Rules)
	var out []byte
	var err error
	switch format {
	case Table:
		out, err = rulesTable(rules, &opts)
	case JSON:
		items := make([]ruleItem, 0, len(rules))
		for i := range rules {
			items = append(items, newRuleItem(&rules[i]))
		}
		out, err = marshalIndent(map[string]any{"items": items})
	default:
		return unknownFormat(format, RuleFormats())
	}
	if err != nil {
		return fmt.Errorf("rendering the rules: %w", err)
	}
	_, err = w.Write(out)
	return err
}

func newRuleItem(r *audit.Rule) ruleItem {
	return ruleItem{
		ID: r.ID, Name: r.Name, Severity: r.Severity, About: ruleAbout(r), Live: r.Live,
		Summary: r.Summary(), Remediation: r.Remediation,
	}
}

func ruleAbout(r *audit.Rule) string {
	switch r.About {
	case audit.AboutCRD:
		return "crd"
	case audit.AboutObject:
		return "object"
	}
	return "exemption"
}

func rulesTable(rules []audit.Rule, opts *AuditOptions) ([]byte, error) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 6, 4, 3, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSEVERITY\tABOUT\tNEEDS")
	for i := range rules {
		needs := "a look"
		if rules[i].Live {
			needs = "watching"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", rules[i].ID, rules[i].Name, rules[i].Severity, ruleAbout(&rules[i]), needs)
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(b.String(), "\n")
	t := tableOfAudit{AuditOptions: opts}
	for i := range rules { // colours last: a tabwriter would count the escape sequences
		s := rules[i].Severity
		lines[i+1] = strings.Replace(lines[i+1], s.String(), paint(t.color(s), s.String()), 1)
	}
	return []byte(strings.Join(lines, "")), nil
}

// PrintRule explains a rule with its page, wrapped to opts.Width, in one call of
// w.Write. What is code stays as it is.
func PrintRule(w io.Writer, r *audit.Rule, opts AuditOptions) error {
	p := page{width: opts.Width, palette: opts.Palette}
	p.render(strings.Split(strings.TrimSpace(r.Page()), "\n"))
	_, err := w.Write(p.b.Bytes())
	return err
}

// page renders the little Markdown that the pages of rules use: headings, paragraphs,
// list items, and fenced code. Backquotes stay: they set off what is to be typed.
type page struct {
	width   int
	palette Palette
	b       bytes.Buffer
	text    []string
	code    bool
}

func (p *page) render(lines []string) {
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "```"):
			p.flush()
			p.code = !p.code
		case p.code:
			p.b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
		case strings.HasPrefix(line, "#"):
			p.flush()
			p.b.WriteString(paint(p.palette.Name, strings.TrimLeft(line, "# ")) + "\n")
		case strings.TrimSpace(line) == "":
			p.flush()
			p.b.WriteString("\n")
		case strings.HasPrefix(line, "|"): // a table is aligned by its author
			p.flush()
			p.b.WriteString(line + "\n")
		case listItem(line):
			p.flush()
			p.text = append(p.text, line)
		default:
			p.text = append(p.text, line)
		}
	}
	p.flush()
}

func listItem(line string) bool {
	return strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* ")
}

// flush writes the paragraph or list item that was read so far.
func (p *page) flush() {
	if len(p.text) == 0 {
		return
	}
	indent := 0
	if listItem(p.text[0]) {
		indent = 2
	}
	newFlow(0, indent, p.width).text(&p.b, strings.Join(p.text, " "), "")
	p.text = nil
}
