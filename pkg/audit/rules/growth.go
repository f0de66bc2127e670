package rules

import (
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// manyObjects is how many objects of one kind are a burden for etcd and for
	// whoever lists them.
	manyObjects = 10_000
	// growthObjects is how many there must be before their growth counts.
	growthObjects = 1_000
	// growthPercent is how much they may grow in a day.
	growthPercent = 50
	// A count about a day old is compared: one of this age at least and at most.
	growthSpan, growthSpanMax = 24 * time.Hour, 36 * time.Hour
)

func growth() audit.Rule {
	return audit.Rule{
		ID: "CRD011", Name: "growth", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD011"),
		Remediation: "Find out who creates the objects (managedFields) and give them a TTL or a history limit; delete what is done with.",
		Check:       checkGrowth,
	}
}

// checkGrowth returns the growth before the number: while both hold, the former tells
// more, and the latter is there when it ceases.
func checkGrowth(in *audit.Input) ([]audit.Finding, error) {
	if in.Census == nil || in.Offline {
		return nil, nil
	}
	c := in.Census
	var findings []audit.Finding
	if day, ok := dayAgo(in); ok && c.Objects >= growthObjects && grown(day.Objects, c.Objects) {
		findings = append(findings, audit.Finding{
			Since: day.Time, Until: day.Time.Add(growthSpanMax),
			Message: fmt.Sprintf("%d objects, %s of JSON; at %s there were %d: more than %d %% growth in about a day",
				c.Objects, bytesText(c.Bytes), stamp(day.Time), day.Objects, growthPercent),
			Summary: fmt.Sprintf("the number of objects grew by over %d %% in about a day", growthPercent),
		})
	}
	if c.Objects > manyObjects {
		findings = append(findings, audit.Finding{
			Message: fmt.Sprintf("%d objects, %s of JSON, %s each on average; every controller that watches them holds them all in memory",
				c.Objects, bytesText(c.Bytes), bytesText(c.Bytes/int64(c.Objects))),
			Summary: fmt.Sprintf("more than %d objects; every controller that watches them holds them all in memory", manyObjects),
		})
	}
	return findings, nil
}

// grown reports whether a number grew by more than growthPercent. From nothing, all is
// growth: those are the first objects, not a leak.
func grown(from, to int) bool {
	return from > 0 && to*100 > from*(100+growthPercent)
}

// dayAgo returns the latest count that is a day old, if there is one that is not much
// older. The clock is needed here: a rate is one up to now.
func dayAgo(in *audit.Input) (audit.Growth, bool) {
	for i := len(in.Census.Growth) - 1; i >= 0; i-- {
		g := in.Census.Growth[i]
		if age := in.Now.Sub(g.Time); age >= growthSpan {
			return g, age < growthSpanMax
		}
	}
	return audit.Growth{}, false
}

// bytesText writes a number of bytes.
func bytesText(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%d B", bytes)
}
