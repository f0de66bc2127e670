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
	// garbageCeiling is what may be garbage where collecting takes much of the CPU: a
	// million objects are to fit into a GB with it.
	garbageCeiling = 192 << 20
	// The least and the most garbage, in percent of what is in use. The most is Go's
	// default.
	garbageLeast, garbageMost = 25, 100
	// garbageCPUs is how much of a CPU collecting may take before there may be more of it.
	garbageCPUs = 0.25
	// garbageEvery is how often the size is looked at. What is in use grows with the
	// objects that arrive, by some tens of megabytes a second.
	garbageEvery = time.Second
)

// garbagePercent is how much of the memory may be garbage before it is collected, in
// percent of what is in use. Go lets the heap double: a million objects, which take 700
// MB, would need 1.4 GB for it. They are hardly ever replaced, so that collecting more
// often costs little.
func garbagePercent(inUse uint64) int { return percentOf(garbageFloor, inUse) }

// percentOf is garbage in percent of what is in use, within bounds.
func percentOf(garbage, inUse uint64) int {
	return int(max(garbageLeast, min(garbageMost, 100*garbage/max(1, inUse))))
}

// nextPercent changes what is allowed by how much of a CPU collecting took lately: where
// thousands of objects are replaced in a second, it costs more than little.
func nextPercent(set int, inUse uint64, cpus float64) int {
	switch {
	case cpus > garbageCPUs:
		set *= 2
	case cpus < garbageCPUs/4:
		set /= 2
	}
	return max(garbagePercent(inUse), min(set, percentOf(garbageCeiling, inUse)))
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
	set, last, spent := garbageMost, time.Now(), collected().cpu
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now, c := time.Now(), collected()
		percent := nextPercent(set, c.inUse, (c.cpu-spent)/now.Sub(last).Seconds())
		if percent != set {
			debug.SetGCPercent(percent)
		}
		set, last, spent = percent, now, c.cpu
	}
}

// collection is what is known of garbage collection.
type collection struct {
	// inUse is what the last one found to be in use, in bytes.
	inUse uint64
	// cpu is the time that all have taken from the program, in seconds.
	cpu float64
}

func collected() collection {
	sample := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(sample)
	return collection{inUse: sample[0].Value.Uint64(), cpu: sample[1].Value.Float64() - sample[2].Value.Float64()}
}
