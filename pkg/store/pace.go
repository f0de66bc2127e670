package store

import (
	"context"
	"time"
)

const (
	// sliceTime is what a slice of Prune is to take, as a commit may have to wait for it.
	// How much can be removed in that time depends on the disk, and on how much there is:
	// the entries of an event lie all over indexes that are larger than any cache.
	sliceTime = 10 * time.Millisecond
	// sliceLeast is how much the first slice removes, and each at least: what a
	// transaction costs by itself must not come to count, where the CPU is busy or the disk
	// slow, or less would be removed than is added.
	sliceLeast = 64
)

// pace finds how much can be removed in a slice.
type pace struct{ amount, most int64 }

func newPace(most int64) *pace { return &pace{amount: min(sliceLeast, most), most: most} }

// took adapts the next slice to how long the last one took.
func (p *pace) took(d time.Duration) {
	switch {
	case d > sliceTime:
		p.amount = max(min(sliceLeast, p.most), p.amount/2)
	case d < sliceTime/2:
		p.amount = min(p.most, p.amount*2)
	}
}

// timed is change, with the time from its beginning, when its turn has come, to done.
func (p *pace) timed(change func(context.Context) error) (timed func(context.Context) error, done func()) {
	var began time.Time
	timed = func(ctx context.Context) error {
		began = time.Now()
		return change(ctx)
	}
	return timed, func() {
		if !began.IsZero() {
			p.took(time.Since(began))
		}
	}
}
