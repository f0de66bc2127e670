package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// measure is one row of the table of the programs.
type measure = measureOf[opponent.Result]

// measureOf is one row of a table of results, each of which is an R.
type measureOf[R any] struct {
	name   string
	value  func(r R, objects int) float64
	format func(float64) string
	// ranged rows show the least and the greatest value, too.
	ranged bool
}

// The measures that budgets speak of.
var (
	syncTime = measure{name: "time to sync", ranged: true, format: seconds,
		value: func(r opponent.Result, _ int) float64 { return r.Sync.Seconds() }}
	peakRSS = measure{name: "peak RSS until synced", format: mebibytes,
		value: func(r opponent.Result, _ int) float64 { return float64(r.Synced.Peak) }}
	standingRSS = measure{name: "RSS as it stands", format: mebibytes,
		value: func(r opponent.Result, _ int) float64 { return float64(r.Standing.RSS) }}
	collectedRSS = measure{name: "RSS, free memory given back", format: mebibytes,
		value: func(r opponent.Result, _ int) float64 { return float64(r.Collected.RSS) }}
	objectHeap = measure{name: "heap per object*", format: bytesOf,
		value: func(r opponent.Result, objects int) float64 { return perObject(r.Idle.Heap, r.Collected.Heap, objects) }}
	goroutines = measure{name: "goroutines", format: integer,
		value: func(r opponent.Result, _ int) float64 { return float64(r.Goroutines) }}
	dialled = measure{name: "TCP connections dialled", format: integer,
		value: func(r opponent.Result, _ int) float64 { return float64(r.Dialled) }}
	watches = measure{name: "watches requested", format: integer,
		value: func(r opponent.Result, _ int) float64 { return float64(r.Requests["watch"]) }}
)

// perObject spreads over the objects what a program added to an idle process.
func perObject(idle, full uint64, objects int) float64 {
	return max(0, float64(full)-float64(idle)) / float64(max(1, objects))
}

// objectMeasures are the rows where there are objects.
func objectMeasures() []measure {
	return append([]measure{
		syncTime, peakRSS, standingRSS, collectedRSS, objectHeap,
		{name: "RSS per object*", format: bytesOf,
			value: func(r opponent.Result, objects int) float64 {
				return perObject(r.Idle.RSS, r.Collected.RSS, objects)
			}},
	}, commonMeasures()...)
}

// crdMeasures are the rows where there are none.
func crdMeasures() []measure {
	return append([]measure{syncTime, peakRSS, standingRSS, collectedRSS}, commonMeasures()...)
}

func commonMeasures() []measure {
	return []measure{
		{name: "heap after a collection", format: mebibytes,
			value: func(r opponent.Result, _ int) float64 { return float64(r.Collected.Heap) }},
		{name: "stacks", format: mebibytes,
			value: func(r opponent.Result, _ int) float64 { return float64(r.Collected.Stacks) }},
		{name: "the same process, idle: RSS", format: mebibytes,
			value: func(r opponent.Result, _ int) float64 { return float64(r.Idle.RSS) }},
		{name: "heap allocated until synced", format: mebibytes,
			value: func(r opponent.Result, _ int) float64 { return float64(r.Synced.Allocated - r.Idle.Allocated) }},
		{name: "CPU until synced", format: seconds,
			value: func(r opponent.Result, _ int) float64 { return r.CPU.Seconds() }},
		{name: "CPU of the API server meanwhile", format: seconds,
			value: func(r opponent.Result, _ int) float64 { return r.ServerCPU.Seconds() }},
		goroutines, dialled,
		{name: "TCP connections open", format: integer,
			value: func(r opponent.Result, _ int) float64 { return float64(r.Connections) }},
		watches,
		{name: "other requests", format: integer,
			value: func(r opponent.Result, _ int) float64 {
				n := 0
				for verb, count := range r.Requests {
					if verb != "watch" {
						n += count
					}
				}
				return float64(n)
			}},
	}
}

// median of the values that the rounds gave, of which there is one at least.
func (m measureOf[R]) median(rounds []R, objects int) float64 {
	values := m.values(rounds, objects)
	n := len(values)
	return (values[n/2] + values[(n-1)/2]) / 2
}

// values are sorted.
func (m measureOf[R]) values(rounds []R, objects int) []float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = m.value(r, objects)
	}
	slices.Sort(values)
	return values
}

// cell shows what a program needs.
func (m measureOf[R]) cell(rounds []R, objects int) string {
	if len(rounds) == 0 {
		return "–"
	}
	s := m.format(m.median(rounds, objects))
	if values := m.values(rounds, objects); m.ranged && len(values) > 1 {
		s += fmt.Sprintf(" (%s–%s)", m.format(values[0]), m.format(values[len(values)-1]))
	}
	return s
}

// ratio shows a quotient as people speak of it: 1/48, or 0.83. There is none of a time
// that is negative, as that of an event may be which came before its write returned.
func ratio(of, to float64) string {
	switch {
	case to <= 0, of < 0:
		return "–"
	case of > 0 && of < to/2:
		return "1/" + strconv.FormatFloat(to/of, 'f', 1, 64)
	}
	return strconv.FormatFloat(of/to, 'f', 2, 64)
}

func milliseconds(v float64) string {
	return strconv.FormatFloat(1000*v, 'f', 1, 64) + " ms"
}

func microseconds(v float64) string { return integer(1e6*v) + " µs" }

// seconds2 and size are for what may be little.
func seconds2(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + " s" }

func size(v float64) string {
	switch {
	case v >= 100<<20:
		return mebibytes(v)
	case v >= 1<<20:
		return strconv.FormatFloat(v/(1<<20), 'f', 1, 64) + " MiB"
	}
	return strconv.FormatFloat(v/(1<<10), 'f', 1, 64) + " KiB"
}

func cpus(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + " s" }
func integer(v float64) string { return grouped(strconv.FormatFloat(v, 'f', 0, 64)) }
func bytesOf(v float64) string { return integer(v) + " B" }
func mebibytes(v float64) string {
	return grouped(strconv.FormatFloat(v/(1<<20), 'f', 0, 64)) + " MiB"
}

// grouped sets commas between thousands.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
