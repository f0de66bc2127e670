package main

import (
	"fmt"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// budget is a promise about crdwatch beside the programs.
type budget = budgetOf[opponent.Result]

// budgetOf is a promise about one column of a table: a measure, at most so many times
// another column's, or at most an absolute value.
type budgetOf[R any] struct {
	measure measureOf[R]
	// to is the column to compare with, or empty where most is absolute.
	to   string
	most float64
	// goal budgets are hoped for, not promised.
	goal bool
}

func objectBudgets() []budget {
	return []budget{
		{measure: objectHeap, to: opponent.Naive, most: 1.0 / 40},
		{measure: objectHeap, to: opponent.Naive, most: 1.0 / 60, goal: true},
		{measure: objectHeap, to: opponent.Metadata, most: 1.0 / 4, goal: true},
		{measure: peakRSS, to: opponent.Naive, most: 1.0 / 4},
		{measure: peakRSS, to: opponent.Naive, most: 1.0 / 10, goal: true},
		{measure: syncTime, to: opponent.Naive, most: 1},
		{measure: syncTime, to: opponent.Raw, most: 1.3, goal: true},
	}
}

func crdBudgets() []budget {
	return []budget{
		{measure: standingRSS, to: opponent.Naive, most: 3.0 / 4},
		{measure: collectedRSS, to: opponent.Naive, most: 3.0 / 4},
		{measure: syncTime, to: opponent.Naive, most: 1},
		{measure: dialled, most: 30},
		{measure: perResource(watches), most: 1},
	}
}

// perResource counts for each CRD, and for the CRDs themselves.
func perResource(m measure) measure {
	count := m.value
	m.name += " per resource"
	m.format = func(v float64) string { return fmt.Sprintf("%.3f", v) }
	m.value = func(r opponent.Result, resources int) float64 { return count(r, resources) / float64(resources+1) }
	return m
}

// row is the budget of a column as a row of a table. It is empty when what it needs was
// not all measured.
func (b budgetOf[R]) row(results map[string][]R, column string, objects int) string {
	own, ok := results[column]
	if !ok {
		return ""
	}
	measured := b.measure.median(own, objects)
	limit, shown := b.measure.format(b.most), b.measure.format(measured)
	if b.to != "" {
		other, ok := results[b.to]
		if !ok {
			return ""
		}
		theirs := b.measure.median(other, objects)
		limit = fmt.Sprintf("%s of %s", ratio(b.most, 1), b.to)
		shown = fmt.Sprintf("%s (%s of %s)", ratio(measured, theirs), shown, b.measure.format(theirs))
		measured /= theirs
	}
	verdict := "**not met**"
	if measured <= b.most {
		verdict = "met"
	}
	kind := "budget"
	if b.goal {
		kind = "goal"
	}
	return fmt.Sprintf("| %s | %s | ≤ %s | %s | %s |\n", b.measure.name, kind, limit, shown, verdict)
}
