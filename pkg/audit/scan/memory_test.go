package scan

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestMemoryIsThatOfPages: nothing is left of a page when it was judged. All objects
// would be nearly 30 MB, decoded.
func TestMemoryIsThatOfPages(t *testing.T) {
	const objects, most = 2000, 10 << 20
	s := cluster()
	// The server has few of them, and serves each again and again.
	few := make([]map[string]any, 50)
	for i := range few {
		few[i] = widget(i)
		for field := range 100 {
			few[i]["spec"].(map[string]any)[fmt.Sprintf("field%03d", field)] = strings.Repeat("x", 60)
		}
	}
	s.Types[2].Objects = nil
	for i := range objects {
		s.Types[2].Objects = append(s.Types[2].Objects, few[i%len(few)])
	}
	o := options(t, s)
	before, peak := reachable(), uint64(0)
	calls := 0
	o.Progress = func(p Progress) {
		calls++
		peak = max(peak, reachable())
	}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if calls < objects/largestPage || peak > before+most {
		t.Errorf("after %d steps: %d MiB more than before", calls, (peak-before)>>20)
	}
}

// reachable is what a garbage collection leaves.
func reachable() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
