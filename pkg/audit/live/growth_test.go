package live

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// grown finds twice as many objects as a day ago.
func grown() audit.Rule {
	return audit.Rule{ID: "CRD102", Severity: audit.Medium, About: audit.AboutCRD, Counts: true, Check: func(in *audit.Input) ([]audit.Finding, error) {
		for _, g := range slices.Backward(in.Census.Growth) {
			if age := in.Now.Sub(g.Time); age >= 24*time.Hour && age < 36*time.Hour && in.Census.Objects >= 2*g.Objects {
				return []audit.Finding{{Message: "grown", Since: g.Time, Until: g.Time.Add(36 * time.Hour)}}, nil
			}
		}
		return nil, nil
	}}
}

// TestGrowth: a rule that compares with yesterday's number finds what grew since, though
// nothing changes any more, and no longer when that is yesterday's, too.
func TestGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), grown())
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", nil))
		pass(20 * time.Hour)
		for i := range 3 {
			c.put(crd, object(fmt.Sprint("b", i), nil))
		}
		expect(t, "nobody knows yesterday's number", "", h)
		pass(6 * time.Hour)
		expect(t, "yesterday there was one", "open CRD102 medium widgets.example.com", h)
		pass(48 * time.Hour)
		expect(t, "yesterday there were as many", "resolved CRD102 medium widgets.example.com", h)
		pass(100 * 24 * time.Hour)
		hourly, days := int(growthHourly/growthEvery), int((growthKept-growthHourly)/(24*time.Hour))
		if n := len(a.resources[crd].growth); n < hourly+days-1 || n > hourly+days+2 {
			t.Errorf("%d numbers are kept, want %d of the last hours and %d of the days before", n, hourly, days)
		}
	})
}

// TestGrowthSurvivesARestart: what the number was yesterday is known after a restart, so
// that growth is found, stays found, and is over when it would be without one.
func TestGrowthSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		began := time.Now()
		crd := c.synced("widgets")
		c.put(crd, object("a", nil))
		_, stop := run(t, c, h, newWorld(), grown())
		restart := func(at time.Duration) {
			pass(time.Until(began.Add(at)))
			stop()
			_, stop = run(t, c, h, newWorld(), grown())
			pass(time.Minute)
		}
		defer func() { stop() }()
		restart(10*time.Hour + time.Minute)
		c.put(crd, object("b", nil))
		restart(20*time.Hour + time.Minute)
		expect(t, "nobody knows yesterday's number", "", h)
		restart(26*time.Hour + time.Minute)
		expect(t, "yesterday there was one", "open CRD102 medium widgets.example.com", h)
		restart(45*time.Hour + time.Minute)
		expect(t, "as long as there was one within 36 hours", "", h)
		restart(47*time.Hour + time.Minute)
		expect(t, "yesterday there were as many", "resolved CRD102 medium widgets.example.com", h)
	})
}

// TestGrowthThatCannotBeToldStays: where the earlier numbers are lost, a finding of growth
// is over when its time is, and not before.
func TestGrowthThatCannotBeToldStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		began := time.Now()
		crd := c.synced("widgets")
		c.put(crd, object("a", nil))
		_, stop := run(t, c, h, newWorld(), grown())
		pass(2*time.Hour + time.Minute)
		c.put(crd, object("b", nil))
		pass(23 * time.Hour)
		expect(t, "yesterday there was one", "open CRD102 medium widgets.example.com", h)
		stop()
		until := h.events()[0].Finding.Until
		clear(h.last)
		_, stop = run(t, c, h, newWorld(), grown())
		defer func() { stop() }()
		pass(time.Until(until) - time.Second)
		expect(t, "yesterday's number is lost", "", h)
		if held := time.Since(began); held < 36*time.Hour {
			t.Errorf("the time of the finding was over after %s", held)
		}
		pass(2 * time.Second)
		expect(t, "its time is over", "resolved CRD102 medium widgets.example.com", h)
	})
}
