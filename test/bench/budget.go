package main

import (
	"fmt"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// budget is a promise about crdwatch: a measure, at most so many times another
// program's, or at most an absolute value.
type budget struct {
	measure measure
	// to is the program to compare with, or empty where most is absolute.
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

// row is the budget as a row of a table. It is empty when the programs were not all
// measured.
func (b budget) row(r report) string {
	own, ok := r.results[opponent.Crdwatch]
	if !ok {
		return ""
	}
	measured := b.measure.median(own, r.divisor())
	limit, shown := b.measure.format(b.most), b.measure.format(measured)
	if b.to != "" {
		other, ok := r.results[b.to]
		if !ok {
			return ""
		}
		theirs := b.measure.median(other, r.divisor())
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
