package rules

import (
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	// manyObjects are a burden for etcd and for whoever lists them.
	manyObjects   = audit.Threshold[int]{Name: "objects", Default: 10_000, Min: 1, Doc: "how many objects there may be"}
	growthPercent = audit.Threshold[audit.Percent]{Name: "growth", Default: 50, Doc: "how much they may grow"}
	growthSpan    = audit.Threshold[time.Duration]{Name: "within", Default: 24 * time.Hour, Min: time.Hour, Doc: "in this time, or in up to half as much again"}
	growthObjects = audit.Threshold[int]{Name: "growing", Default: 1_000, Min: 1, Doc: "how many there must be for their growth to count"}
)

func growth() audit.Rule {
	return audit.Rule{
		ID: "CRD011", Name: "growth", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD011"),
		Remediation: "Find out who creates the objects (managedFields) and give them a TTL or a history limit; delete what is done with.",
		Check:       checkGrowth,
		Thresholds:  []audit.Adjustable{manyObjects, growthPercent, growthSpan, growthObjects},
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
	share, span := growthPercent.In(in), growthSpan.In(in)
	if then, ok := earlierCount(in, span); ok && c.Objects >= growthObjects.In(in) && grown(then.Objects, c.Objects, share) {
		findings = append(findings, audit.Finding{
			Since: then.Time, Until: then.Time.Add(longest(span)),
			Message: fmt.Sprintf("%d objects, %s of JSON; at %s there were %d: more than %d %% growth in about %s",
				c.Objects, bytesText(c.Bytes), stamp(then.Time), then.Objects, share, lasting(span)),
			Summary: fmt.Sprintf("the number of objects grew by over %d %% in about %s", share, lasting(span)),
		})
	}
	if most := manyObjects.In(in); c.Objects > most {
		findings = append(findings, audit.Finding{
			Message: fmt.Sprintf("%d objects, %s of JSON, %s each on average; every controller that watches them holds them all in memory",
				c.Objects, bytesText(c.Bytes), bytesText(c.Bytes/int64(c.Objects))),
			Summary: fmt.Sprintf("more than %d objects; every controller that watches them holds them all in memory", most),
		})
	}
	return findings, nil
}

// grown reports whether a number grew by more than a share. From nothing, all is growth:
// those are the first objects, not a leak.
func grown(from, to int, share audit.Percent) bool {
	return from > 0 && to*100 > from*(100+int(share))
}

// longest is how old a count may be that is compared with.
func longest(span time.Duration) time.Duration { return span + span/2 }

// earlierCount returns the latest count of a span ago, if there is one that is not much
// older. The clock is needed here: a rate is one up to now.
func earlierCount(in *audit.Input, span time.Duration) (audit.Growth, bool) {
	for i := len(in.Census.Growth) - 1; i >= 0; i-- {
		g := in.Census.Growth[i]
		if age := in.Now.Sub(g.Time); age >= span {
			return g, age < longest(span)
		}
	}
	return audit.Growth{}, false
}
