package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

const (
	// More than hotUpdates updates within hotWindow are a loop.
	hotUpdates = 10
	hotWindow  = 5 * time.Minute
	// settling is how long an object may take after it was created, or its spec changed.
	settling = 10 * time.Minute
	// fightWindow is how soon managers overwrite each other who fight.
	fightWindow = 30 * time.Minute
	// fightReversals is how often, so that it is no single correction.
	fightReversals = 2
)

func hotLoopOrFight() audit.Rule {
	return audit.Rule{
		ID: "CR007", Name: "hot-loop-or-fight", Severity: audit.High, About: audit.AboutObject, Live: true, Doc: doc("CR007"),
		Remediation: "Let one manager own the path: take it out of what the other one applies; or mend the controller that writes without need.",
		Check:       checkHotLoop,
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
	f, ok := tooOften(telling, isTelling)
	if !ok {
		if f, ok = tooOften(all, func(diff.Change) bool { return true }); !ok {
			return f, false
		}
		f.Severity = audit.Info
	}
	f.Due = settled.Add(settling)
	return f, f.Due.Before(f.Until)
}

func isTelling(c diff.Change) bool { return !isHeartbeat(c.Path) }

func ownStatus(in *audit.Input) bool {
	_, version, _ := strings.Cut(in.Object.GetAPIVersion(), "/")
	v := in.CRD.Version(version)
	return v != nil && v.OwnStatus()
}

// changesSpec reports whether an update is one of the spec. If the status has no
// endpoint of its own, its changes raise the generation, too.
func changesSpec(u audit.Update, ownStatus bool) bool {
	return u.GenerationNew && (ownStatus || slices.ContainsFunc(u.Changes, func(c diff.Change) bool {
		return c.Section != "status" && c.Section != "metadata"
	}))
}

// tooOften finds out whether there are too many updates, until when that is so if no
// more come, and which of the changes that count is the most frequent.
func tooOften(updates []audit.Update, counts func(diff.Change) bool) (audit.Finding, bool) {
	first := len(updates) - hotUpdates - 1
	if first < 0 || updates[len(updates)-1].Time.Sub(updates[first].Time) >= hotWindow {
		return audit.Finding{}, false
	}
	until := updates[first].Time.Add(hotWindow)
	for first > 0 && updates[first-1+hotUpdates].Time.Sub(updates[first-1].Time) < hotWindow {
		first--
	}
	loop := updates[first:]
	path, names := mostChanged(loop, counts)
	took := loop[len(loop)-1].Time.Sub(loop[0].Time)
	return audit.Finding{
		Path: path, Since: loop[0].Time, Until: until,
		Message: fmt.Sprintf("updated %d times within %s without a change of the spec, mostly here, by %s", len(loop), took.Round(time.Second), describeManagers(names)),
		Summary: fmt.Sprintf("updated more than %d times within %s without a change of the spec, mostly here, by %s", hotUpdates, minutes(hotWindow), describeManagers(names)),
	}, true
}

func minutes(d time.Duration) string { return fmt.Sprintf("%d minutes", int(d.Minutes())) }

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
	created := in.Object.GetCreationTimestamp().Time
	var findings []audit.Finding
	for path, s := range swings {
		if f, ok := fight(path, s); ok && created.Add(settling).Before(f.Until) {
			f.Due = created.Add(settling)
			findings = append(findings, f)
		}
	}
	slices.SortFunc(findings, audit.Finding.Compare)
	return findings
}

// fight judges the changes of one path by the longest run at their end in which each
// takes back the one before.
func fight(path string, s []swing) (audit.Finding, bool) {
	first := len(s) - 1
	for first > 0 && reverts(s[first], s[first-1]) {
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
		Path: path, Since: run[0].time, Until: last.Add(fightWindow),
		Message: fmt.Sprintf("%s overwrite each other: the value went back and forth %d times between %s and %s", managers(names), len(run), stamp(run[0].time), stamp(last)),
		Summary: fmt.Sprintf("%s overwrite each other: the value goes back and forth", managers(names)),
	}
	switch {
	case isHeartbeat(path):
		f.Severity = audit.Info
	case len(run)-1 < fightReversals:
		f.Severity = audit.Low
		f.Message = fmt.Sprintf("%s took back at %s what %s wrote at %s", managers(names[1:]), stamp(last), managers(names[:1]), stamp(run[0].time))
		f.Summary = fmt.Sprintf("%s takes back what %s writes", managers(names[1:]), managers(names[:1]))
	}
	return f, true
}

// reverts reports whether a change takes back the one before, by another manager and
// soon.
func reverts(c, before swing) bool {
	return c.Manager != "" && before.Manager != "" && c.Manager != before.Manager &&
		c.time.Sub(before.time) < fightWindow &&
		equality.Semantic.DeepEqual(c.New, before.Old) && equality.Semantic.DeepEqual(c.Old, before.New)
}
