package audit

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// AllRules stands for the ID of a rule in a Setting: it is for all rules that share the
// threshold, as far as they have no Setting of their own.
const AllRules = "*"

// Setting is an amount for a threshold of a rule.
type Setting struct {
	Rule, Threshold, Amount string

	// line is that of the amount, ruleLine that of the rule.
	line, ruleLine int
}

func (c *Config) readRules(at string, n *yaml.Node) error {
	if isNull(n) {
		return nil
	}
	return pairs(n, at, func(rule, thresholds *yaml.Node) error {
		at := at + "." + rule.Value
		if isNull(thresholds) {
			return nil
		}
		return pairs(thresholds, at, func(name, amount *yaml.Node) error {
			s := Setting{Rule: rule.Value, Threshold: name.Value, line: amount.Line, ruleLine: rule.Line}
			if err := scalar(at+"."+name.Value, amount, &s.Amount); err != nil {
				return err
			}
			c.Settings = append(c.Settings, s)
			return nil
		})
	})
}

// applySettings sets the thresholds of the rules. Its error names what there is not.
func (c *Config) applySettings(rules []Rule) error {
	amounts := make([]map[string]any, len(rules))
	for _, s := range c.settings() {
		found := false
		if s.Rule == AllRules && !shared(rules, s.Threshold) {
			return fmt.Errorf("%s:%d: rules.%s.%s: it is not the same in all rules; set it for each rule", c.File, s.line, s.Rule, s.Threshold)
		}
		for i := range rules {
			t := rules[i].threshold(s.Threshold)
			if t == nil || s.Rule != AllRules && s.Rule != rules[i].ID {
				continue
			}
			amount, err := t.parse(s.Amount)
			if err != nil {
				return fmt.Errorf("%s:%d: rules.%s.%s: %w", c.File, s.line, s.Rule, s.Threshold, err)
			}
			if amounts[i] == nil {
				amounts[i] = map[string]any{}
			}
			amounts[i][s.Threshold], found = amount, true
		}
		if !found {
			return s.unknown(c.File, rules)
		}
	}
	for i, own := range amounts {
		if own != nil {
			rules[i] = rules[i].withThresholds(own)
		}
	}
	return nil
}

// shared reports whether a name means the same threshold wherever a rule has it.
func shared(rules []Rule, name string) bool {
	var first Adjustable
	for i := range rules {
		switch t := rules[i].threshold(name); {
		case t == nil:
		case first == nil:
			first = t
		case t != first:
			return false
		}
	}
	return true
}

// settings are all, those that others take the place of first.
func (c *Config) settings() []Setting {
	var common, own []Setting
	for _, s := range c.Settings {
		if s.Rule == AllRules {
			common = append(common, s)
		} else {
			own = append(own, s)
		}
	}
	return append(common, own...)
}

// unknown tells of a rule or a threshold that there is not.
func (s *Setting) unknown(file string, rules []Rule) error {
	if s.Rule == AllRules {
		return fmt.Errorf("%s:%d: rules.%s.%s: no rule has a threshold of that name", file, s.line, s.Rule, s.Threshold)
	}
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == s.Rule })
	if i < 0 {
		return noSuchRule(file, s.ruleLine, "rules."+s.Rule)
	}
	var names []string
	for _, t := range rules[i].Thresholds {
		names = append(names, t.Spec().Name)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s:%d: rules.%s.%s: the rule has no thresholds", file, s.line, s.Rule, s.Threshold)
	}
	return fmt.Errorf("%s:%d: rules.%s.%s: the rule has no such threshold; want one of: %s (crdwatch audit --explain %s)",
		file, s.line, s.Rule, s.Threshold, strings.Join(names, ", "), s.Rule)
}

func noSuchRule(file string, line int, field string) error {
	return fmt.Errorf("%s:%d: %s: no rule has that ID; crdwatch audit --list-rules shows what there is", file, line, field)
}
