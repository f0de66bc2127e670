package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

var (
	// hotUpdates: crdwatch serve remembers 32 updates, and a loop has one more.
	hotUpdates = audit.Threshold[int]{Name: "updates", Default: 10, Min: 1, Max: 31, Doc: "how many updates are no loop yet"}
	hotWindow  = audit.Threshold[time.Duration]{Name: "within", Default: 5 * time.Minute, Min: time.Second, Doc: "in which time"}
	// fightReversals: a single one may be a correction.
	fightReversals = audit.Threshold[int]{Name: "reversals", Default: 2, Min: 1, Max: 31, Doc: "how often a value must be taken back for a fight"}
	fightWindow    = audit.Threshold[time.Duration]{Name: "reversedWithin", Default: 30 * time.Minute, Min: time.Second, Doc: "how soon after it was set"}
)

func hotLoopOrFight() audit.Rule {
	return audit.Rule{
		ID: "CR007", Name: "hot-loop-or-fight", Severity: audit.High, About: audit.AboutObject, Live: true, Doc: doc("CR007"),
		Remediation: "Let one manager own the path: take it out of what the other one applies; or mend the controller that writes without need.",
		Check:       checkHotLoop,
		Thresholds:  []audit.Adjustable{hotUpdates, hotWindow, fightReversals, fightWindow, grace},
	}
}

func checkHotLoop(in *audit.Input) ([]audit.Finding, error) {
	findings := fights(in)
	if f, ok := hotLoop(in); ok && !slices.ContainsFunc(findings, func(g audit.Finding) bool { return g.Path == f.Path }) {
		findings = append(findings, f)
	}
	return findings, nil
}

// hotLoop finds too many updates within a short time that do not change the spec.
func hotLoop(in *audit.Input) (audit.Finding, bool) {
	own := ownStatus(in)
	settled := in.Object.GetCreationTimestamp().Time
	var all, telling []audit.Update
	for _, u := range in.Updates {
		if changesSpec(u, own) {
			settled = u.Time
			continue
		}
		all = append(all, u)
		if slices.ContainsFunc(u.Changes, isTelling) {
			telling = append(telling, u)
		}
	}
	f, ok := tooOften(in, telling, isTelling)
	if !ok {
		if f, ok = tooOften(in, all, func(diff.Change) bool { return true }); !ok {
			return f, false
		}
		f.Severity = audit.Info
	}
	f.Due = settled.Add(grace.In(in))
	return f, f.Due.Before(f.Until)
}

func isTelling(c diff.Change) bool { return !isHeartbeat(c.Path) }

// changesSpec reports whether an update is one of the spec. If the status has no
// endpoint of its own, its changes raise the generation, too.
func changesSpec(u audit.Update, ownStatus bool) bool {
	return u.GenerationNew && (ownStatus || slices.ContainsFunc(u.Changes, func(c diff.Change) bool {
		return c.Section != "status" && c.Section != "metadata"
	}))
}

// tooOften finds out whether there are too many updates, until when that is so if no
// more come, and which of the changes that count is the most frequent.
func tooOften(in *audit.Input, updates []audit.Update, counts func(diff.Change) bool) (audit.Finding, bool) {
	most, window := hotUpdates.In(in), hotWindow.In(in)
	first := len(updates) - most - 1
	if first < 0 || updates[len(updates)-1].Time.Sub(updates[first].Time) >= window {
		return audit.Finding{}, false
	}
	until := updates[first].Time.Add(window)
	for first > 0 && updates[first-1+most].Time.Sub(updates[first-1].Time) < window {
		first--
	}
	loop := updates[first:]
	path, names := mostChanged(loop, counts)
	took := loop[len(loop)-1].Time.Sub(loop[0].Time)
	return audit.Finding{
		Path: path, Since: loop[0].Time, Until: until,
		Message: fmt.Sprintf("updated %d times within %s without a change of the spec, mostly here, by %s", len(loop), lasting(max(took.Round(time.Second), time.Second)), describeManagers(names)),
		Summary: fmt.Sprintf("updated more than %d times within %s without a change of the spec, mostly here, by %s", most, lasting(window), describeManagers(names)),
	}, true
}

// mostChanged returns the path that changed in most updates, and who changed it.
func mostChanged(updates []audit.Update, counts func(diff.Change) bool) (string, []string) {
	times, by := map[string]int{}, map[string][]string{}
	for _, u := range updates {
		for _, c := range u.Changes {
			if !counts(c) {
				continue
			}
			path := audit.NormalizePath(c.Path)
			times[path]++
			if c.Manager != "" {
				by[path] = append(by[path], c.Manager)
			} else {
				by[path] = append(by[path], u.Managers...)
			}
		}
	}
	most := ""
	for path, n := range times {
		if most == "" || cmp.Or(cmp.Compare(n, times[most]), cmp.Compare(most, path)) > 0 {
			most = path
		}
	}
	return most, by[most]
}

// describeManagers names managers, or says that none is known.
func describeManagers(names []string) string {
	if len(names) == 0 {
		return "a manager that managedFields do not tell"
	}
	return managers(names)
}

// swing is a change of one path, with its time.
type swing struct {
	diff.Change
	time time.Time
}

// fights finds paths whose value goes back and forth as managers take turns.
func fights(in *audit.Input) []audit.Finding {
	swings := map[string][]swing{}
	for _, u := range in.Updates {
		for _, c := range u.Changes {
			swings[c.Path] = append(swings[c.Path], swing{c, u.Time})
		}
	}
	settled := in.Object.GetCreationTimestamp().Add(grace.In(in))
	var findings []audit.Finding
	for path, s := range swings {
		if f, ok := fight(in, path, s); ok && settled.Before(f.Until) {
			f.Due = settled
			findings = append(findings, f)
		}
	}
	slices.SortFunc(findings, audit.Finding.Compare)
	return findings
}

// fight judges the changes of one path by the longest run at their end in which each
// takes back the one before.
func fight(in *audit.Input, path string, s []swing) (audit.Finding, bool) {
	first, window := len(s)-1, fightWindow.In(in)
	for first > 0 && s[first].reverts(s[first-1], window) {
		first--
	}
	run := s[first:]
	if len(run) < 2 {
		return audit.Finding{}, false
	}
	var names []string
	for _, c := range run {
		names = append(names, c.Manager)
	}
	last := run[len(run)-1].time
	f := audit.Finding{
		Path: path, Since: run[0].time, Until: last.Add(window),
		Message: fmt.Sprintf("%s overwrite each other: the value went back and forth %d times %s", managers(names), len(run), between(run[0].time, last)),
		Summary: fmt.Sprintf("%s overwrite each other: the value goes back and forth", managers(names)),
	}
	switch {
	case isHeartbeat(path):
		f.Severity = audit.Info
	case len(run)-1 < fightReversals.In(in):
		f.Severity = audit.Low
		wrote := "at " + stamp(run[0].time)
		if stamp(run[0].time) == stamp(last) {
			wrote = "in the same second"
		}
		f.Message = fmt.Sprintf("%s took back at %s what %s wrote %s", managers(names[1:]), stamp(last), managers(names[:1]), wrote)
		f.Summary = fmt.Sprintf("%s takes back what %s writes", managers(names[1:]), managers(names[:1]))
	}
	return f, true
}

// between writes from when to when something lasted, as far as the clock of messages tells
// the two apart.
func between(from, to time.Time) string {
	if stamp(from) == stamp(to) {
		return "within a second, at " + stamp(to)
	}
	return fmt.Sprintf("between %s and %s", stamp(from), stamp(to))
}

// reverts reports whether a change takes back the one before, by another manager and
// within a window.
func (c swing) reverts(before swing, window time.Duration) bool {
	return c.Manager != "" && before.Manager != "" && c.Manager != before.Manager &&
		c.time.Sub(before.time) < window &&
		equality.Semantic.DeepEqual(c.New, before.Old) && equality.Semantic.DeepEqual(c.Old, before.New)
}
