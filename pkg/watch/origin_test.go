package watch

import (
	"testing"
	"testing/synctest"
	"time"

	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// TestCatchUp: the first burst of a watch that came back is what was missed.
func TestCatchUp(t *testing.T) {
	type step struct {
		after time.Duration
		typ   apiwatch.EventType
		want  Origin
	}
	soon, late := catchUpPause/2, catchUpPause*2
	for name, test := range map[string]struct {
		resuming bool
		steps    []step
	}{
		"first watch":           {false, []step{{soon, apiwatch.Added, Live}}},
		"burst, then quiet":     {true, []step{{soon, apiwatch.Added, Resumed}, {soon, apiwatch.Modified, Resumed}, {late, apiwatch.Added, Live}, {soon, apiwatch.Added, Live}}},
		"nothing missed":        {true, []step{{late, apiwatch.Added, Live}}},
		"bookmark ends the end": {true, []step{{soon, apiwatch.Added, Resumed}, {0, apiwatch.Bookmark, Live}, {0, apiwatch.Added, Live}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c catchUp
				c.begin(test.resuming)
				for i, s := range test.steps {
					<-time.After(s.after)
					if got := c.origin(s.typ); got != s.want {
						t.Errorf("step %d: %s, want %s", i, got, s.want)
					}
				}
			})
		})
	}
}

// TestCatchUpEnds: a resource that is never quiet has caught up at some time.
func TestCatchUpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c catchUp
		c.begin(true)
		for range 2 * int(catchUpMax/catchUpPause) {
			<-time.After(catchUpPause)
			if c.origin(apiwatch.Modified) == Live {
				return
			}
		}
		t.Error("still catching up")
	})
}
