package rules

import (
	"fmt"
	"time"
)

// stamp is how messages write a time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// grace is how long something new, or just changed, may be incomplete.
const grace = 10 * time.Minute

// countOf writes a number of things.
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
