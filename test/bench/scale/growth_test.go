package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// measured is a curve of two programs, of which one did not run at the last size.
func measured() *curve {
	result := func(seconds, mib int) []opponent.Result {
		return []opponent.Result{{
			Sync: time.Duration(seconds) * time.Second, CPU: time.Duration(seconds) * time.Second,
			Synced: opponent.Memory{Peak: uint64(mib) << 20, Allocated: uint64(mib) << 20}, Collected: opponent.Memory{Heap: uint64(mib) << 20},
		}}
	}
	return &curve{
		name: "objects", sizes: []int{10, 100, 1000},
		results: map[string]map[int][]opponent.Result{
			opponent.Naive:    {10: result(1, 100), 100: result(10, 1000)},
			opponent.Crdwatch: {10: result(1, 10), 100: result(5, 20), 1000: result(50, 120)},
		},
		refused: map[string]map[int]string{opponent.Naive: {1000: "would take too much"}},
	}
}

func TestGrowthIsWritten(t *testing.T) {
	var out bytes.Buffer
	if err := measured().write(&out, options{only: []string{opponent.Naive, opponent.Crdwatch}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 100 objects | 10.0 | 5.0 |", "| 1000 objects | – | 120 |", "naive at 1000 objects: would take too much.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing says %q in\n%s", want, &out)
		}
	}
}

func TestGrowthIsDrawn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plots")
	if err := measured().plot(dir); err != nil {
		t.Fatal(err)
	}
	for _, f := range figures() {
		if f.file == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "objects-"+f.file+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"<svg", opponent.Naive, opponent.Crdwatch, f.name} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: the picture does not have %q", f.file, want)
			}
		}
	}
}

// TestTooLarge: a program that would not fit is not run, and nor is one that was not run
// at the size before.
func TestTooLarge(t *testing.T) {
	c := measured()
	if why := c.tooLarge(opponent.Crdwatch, 1000); why != "" {
		t.Errorf("crdwatch is refused: %s", why)
	}
	c.results[opponent.Naive][100][0].Synced.Peak = 1 << 50
	if why := c.tooLarge(opponent.Naive, 1000); !strings.Contains(why, "GiB") {
		t.Errorf("a program that takes a petabyte is let in: %q", why)
	}
	c.results[opponent.Naive][100] = nil
	if why := c.tooLarge(opponent.Naive, 1000); why == "" {
		t.Error("a program is let in that was not run before")
	}
}

func TestQuantile(t *testing.T) {
	var of []time.Duration
	for i := range 101 {
		of = append(of, time.Duration(100-i)*time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := quantile(of, q); got != want {
			t.Errorf("the %.2f quantile is %s, not %s", q, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("there is a median of nothing")
	}
}
