package main

import (
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
)

// A benchmark of a history that loses events, or tells of one twice, must fail.
func TestMatchFindsOneEventOfEachWrite(t *testing.T) {
	start := time.Unix(0, 0)
	writes := []update{{"a/1", start}, {"b/2", start}, {"a/3", start}}
	arrival := func(id string, ms int) serving.Arrival {
		return serving.Arrival{ID: id, At: start.Add(time.Duration(ms) * time.Millisecond)}
	}
	for name, test := range map[string]struct {
		arrivals []serving.Arrival
		ok       bool
	}{
		"each":    {[]serving.Arrival{arrival("b/2", 2), arrival("a/1", -1), arrival("a/3", 9)}, true},
		"missing": {[]serving.Arrival{arrival("b/2", 2), arrival("a/1", 1)}, false},
		"twice":   {[]serving.Arrival{arrival("b/2", 2), arrival("a/1", 1), arrival("a/3", 9), arrival("a/1", 9)}, false},
		"another": {[]serving.Arrival{arrival("b/2", 2), arrival("a/1", 1), arrival("a/4", 9)}, false},
		"more":    {[]serving.Arrival{arrival("b/2", 2), arrival("a/1", 1), arrival("a/3", 9), arrival("c/4", 9)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l loading
			err := l.match(writes, test.arrivals)
			if (err == nil) != test.ok {
				t.Fatalf("got %v, want an error: %v", err, !test.ok)
			}
			if test.ok && (l.Median != 2*time.Millisecond || l.Most != 9*time.Millisecond) {
				t.Errorf("the median is %s, the most %s", l.Median, l.Most)
			}
		})
	}
}
