package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// stamp is how messages write a time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// lasting writes a duration in words: "an hour", "7 days", "1 day 12 hours".
func lasting(d time.Duration) string {
	var words []string
	for _, unit := range []struct {
		name, one string
		time.Duration
	}{{"day", "a day", 24 * time.Hour}, {"hour", "an hour", time.Hour}, {"minute", "a minute", time.Minute}} {
		if d == unit.Duration && len(words) == 0 {
			return unit.one
		}
		if n := d / unit.Duration; n > 0 {
			words = append(words, plural(int(n), unit.name))
			d %= unit.Duration
		}
	}
	switch {
	case d == time.Second && len(words) == 0:
		return "a second"
	case d == time.Second:
		words = append(words, "1 second")
	case d > 0 || len(words) == 0:
		words = append(words, fmt.Sprintf("%g seconds", d.Seconds()))
	}
	return strings.Join(words, " ")
}

// bytesText writes a number of bytes.
func bytesText[N ~int | ~int64](n N) string {
	for _, unit := range []struct {
		name        string
		size, parts float64
	}{{"GiB", 1 << 30, 100}, {"MiB", 1 << 20, 100}, {"KiB", 1 << 10, 10}} {
		if size := float64(n) / unit.size; size >= 1 {
			return strconv.FormatFloat(math.Round(size*unit.parts)/unit.parts, 'f', -1, 64) + " " + unit.name
		}
	}
	return fmt.Sprintf("%d B", n)
}

// grace is of all rules for which what is new, or was just changed, may be incomplete.
var grace = audit.Threshold[time.Duration]{
	Name: "grace", Default: 10 * time.Minute, Doc: "how long something new, or just changed, may be incomplete",
}
