// Package patience waits for what tests want to see.
package patience

import (
	"testing"
	"time"
)

// Limit bounds every wait. It is no expectation: what takes longer than usual on a
// busy machine is not wrong.
const Limit = 2 * time.Minute

// Until waits until a condition holds, and fails the test with what it says where it
// does not. It looks again every few milliseconds.
func Until(t testing.TB, what string, ok func() (held bool, now string)) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(Limit)
	for {
		held, now := ok()
		if held {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waiting until %s: %s", what, now)
		}
	}
}
