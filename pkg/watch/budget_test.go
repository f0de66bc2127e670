package watch

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ofSize is a resource with objects of a size.
func ofSize(objects, size int64) load { return load{bytes: objects * size, objects: objects} }

// reducedTo is one that has lost its bodies.
func reducedTo(objects, size int64, settling bool) load {
	l := load{objects: objects, bytes: objects * (thinSize + indexEntry), size: size, thin: true, settling: settling}
	if settling {
		l.bytes = objects * size
	}
	return l
}

func TestChoose(t *testing.T) {
	const mi = 1 << 20
	for name, test := range map[string]struct {
		used  int64 // of 100 Mi
		loads []load
		calm  bool
		want  choice
	}{
		"room":            {79 * mi, []load{ofSize(10000, 4000)}, true, choice{}},
		"the largest one": {80 * mi, []load{ofSize(1000, 1300), ofSize(10000, 4000), ofSize(9000, 1300)}, false, choice{degrade: []int{1}}},
		"as many as it takes": {
			85 * mi, []load{ofSize(1000, 1300), ofSize(5000, 2000), ofSize(9000, 1300), ofSize(9000, 1200)}, false,
			choice{degrade: []int{2, 1}},
		},
		"few bytes of many objects save nothing": {95 * mi, []load{ofSize(100000, 340)}, false, choice{exhausted: true}},
		"too little to be worth it":              {95 * mi, []load{ofSize(10, 4000)}, false, choice{exhausted: true}},
		"on its way":                             {85 * mi, []load{reducedTo(10000, 4000, true), ofSize(5000, 2000)}, false, choice{}},
		"on its way, and not enough": {
			110 * mi, []load{reducedTo(5000, 4000, true), ofSize(5000, 4000), ofSize(100, 4000)}, false, choice{degrade: []int{1, 2}},
		},
		"on its way, and nothing else": {110 * mi, []load{reducedTo(5000, 4000, true)}, false, choice{}},
		"all have lost theirs":         {85 * mi, []load{reducedTo(50000, 4000, false)}, false, choice{exhausted: true}},
		"not calm for long":            {20 * mi, []load{reducedTo(1000, 4000, false)}, false, choice{}},
		"one comes back":               {20 * mi, []load{reducedTo(1000, 4000, false)}, true, choice{restore: []int{0}}},
		"not the one that needs most":  {20 * mi, []load{reducedTo(8000, 4000, false), reducedTo(4000, 4000, false)}, true, choice{restore: []int{1}}},
		"as many as there is room for": {
			20 * mi, []load{reducedTo(4000, 4000, false), ofSize(9000, 1300), reducedTo(3000, 4000, false), reducedTo(2000, 4000, false)}, true,
			choice{restore: []int{3, 2}},
		},
		"size not known":        {20 * mi, []load{reducedTo(20000, 0, false), reducedTo(30000, 0, false)}, true, choice{restore: []int{0}}},
		"no room for any":       {48 * mi, []load{reducedTo(1000, 4000, false)}, true, choice{}},
		"another is on its way": {20 * mi, []load{reducedTo(1000, 4000, false), reducedTo(1000, 4000, true)}, true, choice{}},
		"nothing is watched":    {95 * mi, nil, true, choice{exhausted: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := choose(test.used, 100*mi, test.loads, test.calm)
			if d := cmp.Diff(test.want, got, cmp.AllowUnexported(choice{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestHeap: what is live is known as of the last collection; what Records came and went
// since is added up.
func TestHeap(t *testing.T) {
	var now runtimeMemory
	h := newHeap(func() runtimeMemory { return now })
	for i, step := range []struct {
		now           runtimeMemory
		records, want int64
	}{
		{runtimeMemory{1, 50, 5}, 0, 55},
		{runtimeMemory{1, 50, 5}, 30, 85},    // a list comes in, and nothing is collected
		{runtimeMemory{1, 50, 6}, 100, 156},  // the more so
		{runtimeMemory{2, 140, 6}, 120, 166}, // at worst it came after the collection
		{runtimeMemory{2, 140, 6}, 20, 66},   // it is dropped, and will be collected
		{runtimeMemory{3, 60, 6}, 20, 66},
	} {
		now = step.now
		if got := h.estimate(step.records); got != step.want {
			t.Errorf("step %d: %d in use, want %d", i, got, step.want)
		}
	}
	now = runtimeMemory{4, 90, 6}
	if got := h.exactly(50); got != 96 {
		t.Errorf("after a collection: %d in use, want 96", got)
	}
}

// TestReadRuntime: the figures are those of this process, and their names are known.
func TestReadRuntime(t *testing.T) {
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = byte(i)
	}
	runtime.GC()
	now := readRuntime()
	if now.live < int64(len(ballast)) || now.live > int64(len(ballast))+200<<20 {
		t.Errorf("live are %d bytes", now.live)
	}
	if now.other < 1<<20 || now.other > 100<<20 || now.collections == 0 {
		t.Errorf("other are %d bytes after %d collections", now.other, now.collections)
	}
	runtime.KeepAlive(ballast)
}
