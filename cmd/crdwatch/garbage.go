package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageFloor is what may be garbage however little is in use, so that a small
	// program does not collect all the time.
	garbageFloor = 64 << 20
	// The least and the most garbage, in percent of what is in use. The most is Go's
	// default.
	garbageLeast, garbageMost = 25, 100
	// garbageEvery is how often the size is looked at. What is in use grows with the
	// objects that arrive, by some tens of megabytes a second.
	garbageEvery = time.Second
)

// garbagePercent is how much of the memory may be garbage before it is collected, in
// percent of what is in use. Go lets the heap double: a million objects, which take 700
// MB, would need 1.4 GB for it. They are hardly ever replaced, so that collecting more
// often costs little.
func garbagePercent(inUse uint64) int {
	return int(max(garbageLeast, min(garbageMost, 100*garbageFloor/max(1, inUse))))
}

// boundGarbage keeps to that until ctx ends, and then has Go do as before. It leaves alone
// who says otherwise in GOGC. The memory limit holds beside it (GOMEMLIMIT).
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	before := debug.SetGCPercent(garbageMost)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(garbageEvery)
	defer tick.Stop()
	for set := garbageMost; ; {
		if percent := garbagePercent(heapInUse()); percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heapInUse is what the last collection found to be in use, in bytes.
func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
