package store

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := newPace(256)
	for i, step := range []struct {
		took time.Duration
		want int64
	}{
		{time.Millisecond, 128}, {0, 256}, {time.Millisecond, 256}, {7 * time.Millisecond, 256},
		{11 * time.Millisecond, 128}, {time.Second, 64}, {time.Second, 32}, {time.Second, 16}, {time.Hour, 16},
		{sliceTime, 16}, {time.Millisecond, 32},
	} {
		if p.took(step.took); p.amount != step.want {
			t.Errorf("step %d: %d after one of %s, want %d", i, p.amount, step.took, step.want)
		}
	}
	if p := newPace(20); p.amount != 20 {
		t.Errorf("it begins with %d, want at most 20", p.amount)
	}
}
