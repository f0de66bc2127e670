package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Threshold is a number by which a rule decides, and which a configuration may set to
// another one. It is a value without state: a Check asks it what counts for its Input.
type Threshold[T Amount] struct {
	// Name is what the configuration calls it, in lowerCamelCase. Equal names of several
	// rules stand for amounts of the same type.
	Name string
	// Default counts where the configuration says nothing.
	Default T
	// Min and Max are the least and the most that may be configured. No bound: a Max of
	// zero.
	Min, Max T
	// Doc says in a line what is measured, like "how long a deletion may take".
	Doc string
}

// Amount is what a threshold may be. It is written as is usual for it: 15m or 7d, 512Ki,
// 50%, 10, 3.5.
type Amount interface {
	time.Duration | Bytes | Percent | int | float64
}

// Bytes is a size.
type Bytes int64

// Percent is so many of a hundred.
type Percent int

// In is the amount that counts for an input.
func (t Threshold[T]) In(in *Input) T {
	if amount, ok := in.thresholds[t.Name].(T); ok {
		return amount
	}
	return t.Default
}

// Adjustable is a Threshold of whatever type.
type Adjustable interface {
	// Spec describes it.
	Spec() ThresholdSpec
	// parse reads an amount, which is a T. Its error repeats the text and says what is
	// allowed.
	parse(text string) (amount any, err error)
}

// ThresholdSpec is a Threshold in words, the amounts as a configuration has them.
type ThresholdSpec struct {
	Name, Default, Doc string
	// Min and Max are empty where there is no such bound.
	Min, Max string
}

// Spec implements Adjustable.
func (t Threshold[T]) Spec() ThresholdSpec {
	s := ThresholdSpec{Name: t.Name, Default: formatAmount(t.Default), Doc: t.Doc}
	if t.Min > 0 {
		s.Min = formatAmount(t.Min)
	}
	if t.Max > 0 {
		s.Max = formatAmount(t.Max)
	}
	return s
}

func (t Threshold[T]) parse(text string) (any, error) {
	amount, err := parseAmount[T](text)
	if err != nil {
		return nil, err
	}
	switch {
	case amount < t.Min:
		return nil, fmt.Errorf("%s is too little, want at least %s", text, formatAmount(t.Min))
	case t.Max > 0 && amount > t.Max:
		return nil, fmt.Errorf("%s is too much, want at most %s", text, formatAmount(t.Max))
	}
	return amount, nil
}

// threshold returns the rule's threshold of a name; nil if it has none.
func (r *Rule) threshold(name string) Adjustable {
	i := slices.IndexFunc(r.Thresholds, func(t Adjustable) bool { return t.Spec().Name == name })
	if i < 0 {
		return nil
	}
	return r.Thresholds[i]
}

// withThresholds returns the rule with other amounts for some thresholds, by name.
func (r Rule) withThresholds(amounts map[string]any) Rule {
	if ask := r.Ask; ask != nil {
		r.Ask = func(in *Input) []Question { return ask(in.with(amounts)) }
	}
	if check := r.Check; check != nil {
		r.Check = func(in *Input) ([]Finding, error) { return check(in.with(amounts)) }
	}
	return r
}

// with returns the input for a rule with other thresholds.
func (in *Input) with(amounts map[string]any) *Input {
	own := *in
	own.thresholds = amounts
	return &own
}

// Page is the rule's page: Doc, with a section on the thresholds before that on the fix.
func (r *Rule) Page() string {
	const next = "\n## How to fix\n"
	before, after, ok := strings.Cut(r.Doc, next)
	if len(r.Thresholds) == 0 || !ok {
		return r.Doc
	}
	return before + r.thresholdSection() + next + after
}

// thresholdSection is what the configuration would be with the defaults.
func (r *Rule) thresholdSection() string {
	var lines []string
	width := 0
	for i, t := range r.Thresholds {
		s := t.Spec()
		lines = append(lines, s.Name+": "+s.Default)
		width = max(width, len(lines[i]))
	}
	var b strings.Builder
	b.WriteString("\n## Thresholds\n\nThe numbers above are defaults. The configuration can set others:\n\n```yaml\nrules:\n")
	fmt.Fprintf(&b, "  %s:\n", r.ID)
	for i, t := range r.Thresholds {
		s := t.Spec()
		if s.Max != "" {
			s.Doc += " (at most " + s.Max + ")"
		}
		fmt.Fprintf(&b, "    %-*s  # %s\n", width, lines[i], s.Doc)
	}
	b.WriteString("```\n")
	return b.String()
}
