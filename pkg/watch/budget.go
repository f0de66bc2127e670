package watch

import (
	"cmp"
	"slices"
)

// The parts of the memory budget, in percent, between which resources lose their
// objects' bodies and get them back. Above degradeAt some do, until less than degradeTo
// is to be expected; below restoreTo, with all that it would take, some come back. What
// lies between keeps a resource from going to and fro.
const (
	degradeAt, degradeTo, restoreTo = 80, 70, 50
	// leastSaving is what has to be saved for a resource to lose anything: its watch,
	// which is renewed for that, takes as much. And it must be one of leastPart parts of
	// what it takes.
	leastSaving, leastPart = 64 << 10, 4
	// indexEntry is what the informer's index takes for an object.
	indexEntry = 76
	// usualSize is what a whole object takes, where that is not known.
	usualSize = 1200
)

// load is what a resource takes.
type load struct {
	// bytes is what its Records take, those that are on their way too.
	bytes, objects int64
	// thin: metadata alone is wanted; settling: and it will be, but is not yet.
	thin, settling bool
	// size is what one of its objects took when it was whole; 0 if that is not known.
	size int64
}

// saving is what there is to be gained by keeping metadata alone.
func (l *load) saving() int64 { return max(0, l.bytes-l.objects*(thinSize+indexEntry)) }

// growth is what it would take to keep whole objects again. The list that brings them is
// there beside what it replaces.
func (l *load) growth() int64 { return l.objects * cmp.Or(l.size, usualSize+indexEntry) }

// choice is what to do about the memory, as indexes of the loads.
type choice struct {
	degrade, restore []int
	// exhausted: there is too little, and nothing to be gained any more.
	exhausted bool
}

// choose decides. Used is what is in use of the budget now, calm that it was little for
// long enough.
func choose(used, budget int64, loads []load, calm bool) choice {
	expected := used
	settling := false
	for i := range loads {
		if loads[i].settling {
			settling = true
			expected -= loads[i].saving()
		}
	}
	if percent(expected, budget) >= degradeAt {
		c := chooseThin(expected, budget, loads)
		c.exhausted = len(c.degrade) == 0 && !settling
		return c
	}
	if calm && !settling {
		return chooseWhole(used, budget, loads)
	}
	return choice{}
}

// chooseThin chooses the resources that save most.
func chooseThin(expected, budget int64, loads []load) (c choice) {
	order := ordered(loads, func(a, b *load) int { return cmp.Compare(b.saving(), a.saving()) })
	for _, i := range order {
		l := &loads[i]
		if percent(expected, budget) < degradeTo {
			break
		}
		if !l.thin && l.saving() >= max(leastSaving, l.bytes/leastPart) {
			c.degrade = append(c.degrade, i)
			expected -= l.saving()
		}
	}
	return c
}

// chooseWhole chooses those that need least, so that as many as possible come back.
func chooseWhole(used, budget int64, loads []load) (c choice) {
	order := ordered(loads, func(a, b *load) int { return cmp.Compare(a.growth(), b.growth()) })
	for _, i := range order {
		l := &loads[i]
		if !l.thin {
			continue
		}
		if used += l.growth(); percent(used, budget) >= restoreTo {
			break
		}
		c.restore = append(c.restore, i)
	}
	return c
}

// ordered returns the indexes of the loads in an order.
func ordered(loads []load, compare func(a, b *load) int) []int {
	order := make([]int, len(loads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(&loads[a], &loads[b]) })
	return order
}

func percent(part, of int64) float64 { return 100 * float64(part) / float64(of) }
