package audit

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Config is the configuration of an audit. ReadConfig reads one.
type Config struct {
	// File is what errors call it.
	File string
	// Ignore are the exemptions.
	Ignore []Ignore
	// Severity replaces the severity of all findings of a rule, by its ID.
	Severity map[string]Severity
	// Settings replace the defaults of thresholds.
	Settings []Setting

	severityLine map[string]int
}

// Ignore exempts from findings. An empty glob matches everything; a glob is that of
// path.Match. Group and Resource (plural, or plural.group) of a finding about a CRD are
// those that the CRD defines, so that one entry is for a type and its objects.
type Ignore struct {
	Rule, Group, Resource, Namespace, Name string
	// Reason is mandatory.
	Reason string
	// Expires is the last day on which it holds, like 2027-03-01; empty is for ever.
	Expires string

	line  int
	until time.Time
}

// Apply returns the rules with the severities and thresholds of the configuration. It
// wants all rules that there are: its error names one that does not exist, a threshold
// that a rule does not have, or an amount that it does not take. The rules given are not
// changed.
func (c *Config) Apply(rules []Rule) ([]Rule, error) {
	applied := slices.Clone(rules)
	if err := c.applySettings(applied); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(c.Severity)) {
		i := slices.IndexFunc(applied, func(r Rule) bool { return r.ID == id })
		if i < 0 {
			return nil, noSuchRule(c.File, c.severityLine[id], "severity."+id)
		}
		applied[i] = applied[i].withSeverity(c.Severity[id])
	}
	return applied, nil
}

// withSeverity returns the rule with one severity for all that it finds.
func (r Rule) withSeverity(s Severity) Rule {
	r.Severity = s
	check := r.Check
	if check == nil {
		return r
	}
	r.Check = func(in *Input) ([]Finding, error) {
		findings, err := check(in)
		for i := range findings {
			findings[i].Severity = s
		}
		return findings, err
	}
	return r
}

// at is the entry's place as an editor takes it.
func (g *Ignore) at(file string) string {
	return fmt.Sprintf("%s:%d", file, g.line)
}

// globs are the fields that select, by name, those that are set.
func (g *Ignore) globs() [][2]string {
	all := [][2]string{{"rule", g.Rule}, {"group", g.Group}, {"resource", g.Resource}, {"namespace", g.Namespace}, {"name", g.Name}}
	return slices.DeleteFunc(all, func(f [2]string) bool { return f[1] == "" })
}

// describe tells entries apart: rule=CR004, resource=widgets.
func (g *Ignore) describe() string {
	var fields []string
	for _, f := range g.globs() {
		fields = append(fields, f[0]+"="+f[1])
	}
	return strings.Join(fields, ", ")
}

func (g *Ignore) matchesAnyRule(rules []Rule) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return matches(g.Rule, r.ID) })
}

func (g *Ignore) matches(f *Finding) bool {
	s := f.Subject
	if !matches(g.Rule, f.Rule) || !matches(g.Namespace, s.Namespace) || !matches(g.Name, s.Name) {
		return false
	}
	if g.matchesType(s.Resource, s.Group) {
		return true
	}
	plural, group, _ := strings.Cut(s.Name, ".")
	return s.Resource == crdResource && g.matchesType(plural, group)
}

func (g *Ignore) matchesType(plural, group string) bool {
	return matches(g.Group, group) && (matches(g.Resource, plural) || matches(g.Resource, plural+"."+group))
}

// matches applies a glob that was checked when it was read.
func matches(glob, text string) bool {
	ok, _ := path.Match(glob, text)
	return ok || glob == ""
}
