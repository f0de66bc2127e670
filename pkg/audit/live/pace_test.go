package live

import (
	"testing"
	"time"
)

// TestPace: changes without end take their share of the time, and single ones never wait.
func TestPace(t *testing.T) {
	const each = time.Millisecond
	for _, share := range []float64{0.25, 0.5, 1} {
		var p pace
		now, worked := time.Unix(1000, 0), time.Duration(0)
		began := now
		for now.Sub(began) < 10*time.Second {
			if !p.may(now) {
				now = p.rest
				continue
			}
			p.took(now, now.Add(each), share)
			now, worked = now.Add(each), worked+each
		}
		if got := worked.Seconds() / now.Sub(began).Seconds(); got < share-0.01 || got > share+0.01 {
			t.Errorf("%.3f of the time instead of %.2f", got, share)
		}
	}
	var p pace
	for now := time.Unix(1000, 0); now.Before(time.Unix(1010, 0)); now = now.Add(10 * each) {
		if !p.may(now) {
			t.Fatal("a change that comes alone has to wait")
		}
		p.took(now, now.Add(each), 0.5)
	}
}

// TestRestIsRest: what changes may not take of the time is not for the CRDs, which come
// after them, as long as changes wait.
func TestRestIsRest(t *testing.T) {
	a := New(Options{})
	now := time.Now()
	a.crdTurn = now
	a.due[&resource{}] = now.Add(-time.Second)
	a.inbox.items[job{"crd", "name"}] = &item{}
	a.changes.rest = now.Add(time.Hour)
	if a.work() {
		t.Error("the CRD was judged in the rest of the changes")
	}
}
