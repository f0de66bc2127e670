package rules

import (
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
