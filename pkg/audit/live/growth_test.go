package live

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestGrowth: a rule that compares with yesterday's number finds what grew since, though
// nothing changes any more, and no longer when that is yesterday's, too.
func TestGrowth(t *testing.T) {
	grown := audit.Rule{ID: "CRD102", Severity: audit.Medium, About: audit.AboutCRD, Check: func(in *audit.Input) ([]audit.Finding, error) {
		for _, g := range slices.Backward(in.Census.Growth) {
			if age := in.Now.Sub(g.Time); age >= 24*time.Hour && age < 36*time.Hour && in.Census.Objects >= 2*g.Objects {
				return []audit.Finding{{Message: "grown", Until: g.Time.Add(36 * time.Hour)}}, nil
			}
		}
		return nil, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), grown)
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
