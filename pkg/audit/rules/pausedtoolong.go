package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var pausePatience = audit.Threshold[time.Duration]{Name: "after", Default: 7 * 24 * time.Hour, Doc: "how long a pause may last"}

func pausedTooLong() audit.Rule {
	return audit.Rule{
		ID: "CR009", Name: "paused-too-long", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR009"),
		Remediation: "Remove the mark to resume; if the pause is meant to last, ignore the finding with a reason and an end.",
		Check:       checkPausedTooLong,
		Thresholds:  []audit.Adjustable{pausePatience},
	}
}

func checkPausedTooLong(in *audit.Input) ([]audit.Finding, error) {
	if onSchedule(in) || queued(in.Object) {
		return nil, nil
	}
	patience := pausePatience.In(in)
	var findings []audit.Finding
	for _, p := range pauses(in.Object, in.CRD.Spec.Group) {
		since := setBefore(in.Object, p.path)
		if since.IsZero() {
			if in.Offline {
				continue
			}
			return findings, errors.New("telling since when the object is paused: it has no managedFields with a time")
		}
		f := audit.Finding{
			Path: p.path.String(), Since: since, Due: since.Add(patience),
			Message: fmt.Sprintf("%s, since %s or earlier; %s", p.text, stamp(since), p.effect),
			Summary: fmt.Sprintf("%s for over %s; %s", p.text, lasting(patience), p.effect),
		}
		if p.lasting {
			f.Severity = audit.Low
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// setBefore is when a field had its value at the latest: its owners' entries are not
// moved by anything that would make it another. The earliest of several tells most.
// Without an owner it is when anybody wrote last.
func setBefore(o *audit.Object, path fieldpath.Path) time.Time {
	var earliest, latest time.Time
	for _, e := range o.Entries() {
		if e.Time.After(latest) {
			latest = e.Time
		}
		if e.Fields != nil && e.Fields.Has(path) && !e.Time.IsZero() && (earliest.IsZero() || e.Time.Before(earliest)) {
			earliest = e.Time
		}
	}
	if earliest.IsZero() {
		return latest
	}
	return earliest
}

// onSchedule reports whether the object does something at certain times: to suspend
// such a one is to switch it off, and nothing drifts meanwhile.
func onSchedule(in *audit.Input) bool {
	kind := in.CRD.Spec.Names.Kind
	if strings.Contains(kind, "Cron") || strings.Contains(kind, "Schedule") && !strings.Contains(kind, "Scheduler") {
		return true
	}
	spec, _, _ := unstructured.NestedFieldNoCopy(in.Object.Object, "spec")
	fields, _ := spec.(map[string]any)
	if _, ok, _ := unstructured.NestedString(in.Object.Object, "spec", "trigger", "schedule"); ok {
		return true // VolSync
	}
	for _, key := range []string{"schedule", "schedules", "cron", "crons", "cronSchedule"} {
		if _, ok := fields[key]; ok {
			return true
		}
	}
	return false
}

// queued reports whether Kueue suspends the object until there is room for it.
func queued(o *audit.Object) bool {
	_, ok := o.GetLabels()["kueue.x-k8s.io/queue-name"]
	return ok
}
