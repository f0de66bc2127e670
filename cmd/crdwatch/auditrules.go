package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/report"
)

// chooseRules applies --rules and --skip-rules, and checks --explain.
func (o *auditOptions) chooseRules() error {
	all := rules.All()
	for flag, ids := range map[string][]string{"--rules": o.onlyRules, "--skip-rules": o.skipRules} {
		for i, id := range ids {
			r, err := findRule(all, id)
			if err != nil {
				return fmt.Errorf("%s: %w", flag, err)
			}
			if flag == "--rules" && r.Live {
				return fmt.Errorf("--rules: %s (%s) needs to watch for a while: only crdwatch serve can apply it", r.ID, r.Name)
			}
			ids[i] = r.ID
		}
	}
	if o.explain != "" {
		r, err := findRule(all, o.explain)
		if err != nil {
			return fmt.Errorf("--explain: %w", err)
		}
		o.explain = r.ID
	}
	o.rules = slices.DeleteFunc(all, func(r audit.Rule) bool {
		return r.Live || len(o.onlyRules) > 0 && !slices.Contains(o.onlyRules, r.ID) || slices.Contains(o.skipRules, r.ID)
	})
	return nil
}

// findRule finds a rule by its ID, in whatever case, or by its name.
func findRule(all []audit.Rule, id string) (audit.Rule, error) {
	i := slices.IndexFunc(all, func(r audit.Rule) bool { return strings.EqualFold(r.ID, id) || r.Name == id })
	if i >= 0 {
		return all[i], nil
	}
	return audit.Rule{}, fmt.Errorf("there is no rule %q; the nearest are: %s (--list-rules shows all)", id, strings.Join(nearestRules(all, id), ", "))
}

// nearestRules are the three whose ID or name is the most like id.
func nearestRules(all []audit.Rule, id string) []string {
	distance := func(r audit.Rule) int {
		return min(levenshtein.ComputeDistance(strings.ToUpper(id), r.ID), levenshtein.ComputeDistance(strings.ToLower(id), r.Name))
	}
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b audit.Rule) int { return cmp.Compare(distance(a), distance(b)) })
	var names []string
	for _, r := range sorted[:min(3, len(sorted))] {
		names = append(names, fmt.Sprintf("%s (%s)", r.ID, r.Name))
	}
	return names
}

func (o *auditOptions) printRules() error {
	options := o.printOptions()
	options.Rules = rules.All()
	return writing(report.PrintRules(o.streams.out, o.output, options))
}

func (o *auditOptions) printRule() error {
	r, err := findRule(rules.All(), o.explain)
	if err != nil {
		return err
	}
	return writing(report.PrintRule(o.streams.out, &r, o.printOptions()))
}

// printOptions are those of everything that the command prints.
func (o *auditOptions) printOptions() report.AuditOptions {
	return report.AuditOptions{
		Palette: o.palette(o.streams.out), Width: width(o.streams.out), Now: o.now, Rules: o.rules,
		Version: buildInfo().Version, FailOn: o.threshold, ReportsAPI: o.reportsAPI,
	}
}

func writing(err error) error {
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
