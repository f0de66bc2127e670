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
		{11 * time.Millisecond, 128}, {time.Second, 64}, {time.Hour, 64}, {sliceTime, 64}, {time.Millisecond, 128},
	} {
		if p.took(step.took); p.amount != step.want {
			t.Errorf("step %d: %d after one of %s, want %d", i, p.amount, step.took, step.want)
		}
	}
	p = newPace(20)
	p.took(time.Second)
	if p.took(0); p.amount != 20 {
		t.Errorf("%d of at most 20", p.amount)
	}
}
