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
				c.begin(test.resuming, "")
				for i, s := range test.steps {
					<-time.After(s.after)
					if got := c.origin(s.typ, "7"); got != s.want {
						t.Errorf("step %d: %s, want %s", i, got, s.want)
					}
					c.took()
				}
			})
		})
	}
}

// TestCatchUpEnds: a resource that is never quiet has caught up at some time.
func TestCatchUpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c catchUp
		c.begin(true, "")
		for range 2 * int(catchUpMax/catchUpPause) {
			<-time.After(catchUpPause)
			if c.origin(apiwatch.Modified, "7") == Live {
				return
			}
			c.took()
		}
		t.Error("still catching up")
	})
}

// TestMissedByRevision: after a restart it is known what was missed, however long it
// takes to come.
func TestMissedByRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c catchUp
		c.begin(true, "100")
		for _, rv := range []string{"8", "99", "100"} {
			<-time.After(2 * catchUpMax)
			if got := c.origin(apiwatch.Modified, rv); got != Resumed {
				t.Errorf("revision %s is %s", rv, got)
			}
		}
		if got := c.origin(apiwatch.Modified, "101"); got != Live {
			t.Errorf("revision 101 is %s", got)
		}
	})
}

// TestLull: a resource has caught up when nothing comes for a while, or something new.
func TestLull(t *testing.T) {
	for name, test := range map[string]struct {
		bounded bool
		steps   int
		more    bool
		over    bool
	}{
		"events that were missed":       {true, 1000, true, false},
		"one that was not":              {true, 1, false, true},
		"events for ever, who knows":    {false, 1000, true, true},
		"some events, of whatever time": {false, 10, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLull(true, test.bounded)
				defer l.stop()
				over := false
				for range test.steps {
					<-time.After(catchUpPause / 2)
					l.extend(test.more)
					synctest.Wait()
					select {
					case <-l.over():
						over = true
					default:
					}
				}
				if !over && test.over {
					<-time.After(time.Nanosecond)
					select {
					case <-l.over():
						over = true
					default:
					}
				}
				if over != test.over {
					t.Errorf("over: %t, want %t", over, test.over)
				}
			})
		})
	}
}
