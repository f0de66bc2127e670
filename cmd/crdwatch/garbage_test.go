package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0: 100, 20 << 20: 100, 64 << 20: 100, 128 << 20: 50, 256 << 20: 25, 700 << 20: 25, 1 << 40: 25,
	} {
		if got := garbagePercent(inUse); got != want {
			t.Errorf("%d MiB in use: %d %%, want %d %%", inUse>>20, got, want)
		}
	}
}

// TestNextPercent: where collecting takes much of the CPU, there may be more garbage, and
// less again when that is over.
func TestNextPercent(t *testing.T) {
	const much = 192 << 20
	set := 100
	for i, step := range []struct {
		cpus float64
		want int
	}{{0, 50}, {0, 33}, {0, 33}, {0.2, 33}, {0.3, 66}, {0.2, 66}, {1, 100}, {1, 100}, {0.1, 100}, {0.05, 50}, {0, 33}} {
		if set = nextPercent(set, much, step.cpus); set != step.want {
			t.Errorf("step %d: %d %% at %.2f CPUs, want %d %%", i, set, step.cpus, step.want)
		}
	}
}

// TestGarbageHasACeiling: however much collecting takes, a large heap has little garbage.
func TestGarbageHasACeiling(t *testing.T) {
	for inUse, want := range map[uint64]int{100 << 20: 100, 384 << 20: 50, 700 << 20: 27, 2 << 30: 25} {
		if set := nextPercent(100, inUse, 2); set != want {
			t.Errorf("%d MiB in use: %d %%, want %d %%", inUse>>20, set, want)
		}
	}
}

// percent reads the setting, which can only be read by setting it.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

// TestBoundGarbage: less garbage is allowed while much is in use, and Go's own way is
// restored at the end.
func TestBoundGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(90))
	much := make([]byte, 160<<20)
	runtime.GC()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go boundGarbage(ctx)
		<-time.After(4 * garbageEvery)
		synctest.Wait()
		if got := percent(); got > 40 || got < garbageLeast {
			t.Errorf("%d %% of garbage with %d MiB in use", got, len(much)>>20)
		}
		cancel()
		synctest.Wait()
	})
	runtime.KeepAlive(much)
	if got := percent(); got != 90 {
		t.Errorf("%d %% afterwards, 90 %% before", got)
	}
}

func TestBoundGarbageLeavesGOGCAlone(t *testing.T) {
	t.Setenv("GOGC", "70")
	defer debug.SetGCPercent(debug.SetGCPercent(70))
	boundGarbage(t.Context()) // returns at once
	if got := percent(); got != 70 {
		t.Errorf("%d %%", got)
	}
}
