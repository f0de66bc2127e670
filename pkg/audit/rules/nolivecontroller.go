package rules

import (
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	controllerPatience = audit.Threshold[time.Duration]{Name: "after", Default: 7 * 24 * time.Hour, Doc: "how long an object may wait for an answer"}
	// leftAlone parts a controller that answers all from one that is there for some.
	leftAlone = audit.Threshold[audit.Percent]{
		Name: "leftAlone", Default: 10, Max: 100, Doc: "how many earlier objects a controller may have left without an answer",
	}
)

func noLiveController() audit.Rule {
	return audit.Rule{
		ID: "CRD010", Name: "no-live-controller", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD010"),
		Remediation: "Look whether the controller runs and may write the status; reinstall it, or export the objects and remove the CRD.",
		Check:       checkNoLiveController,
		Thresholds:  []audit.Adjustable{controllerPatience, leftAlone},
	}
}

func checkNoLiveController(in *audit.Input) ([]audit.Finding, error) {
	if in.Census == nil || in.Offline || !hasStatus(in.CRD) {
		return nil, nil
	}
	manager, last := lastStatus(in.Census)
	if last.IsZero() {
		return nil, nil // nobody ever wrote status: perhaps the kind is mere configuration
	}
	waiting, first, sample := unanswered(in.Census, last)
	if answersSome(in, waiting) {
		return nil, nil
	}
	if paused := in.Census.Findings["CR009"]; paused != nil {
		waiting -= paused.Objects
	}
	if waiting <= 0 {
		return nil, nil
	}
	return []audit.Finding{{
		Path: ".status", Since: last, Due: first.Add(time.Hour + controllerPatience.In(in)),
		Message: fmt.Sprintf("nobody who writes the status of these objects has written anything since %s (%q was the last); still without an answer: %s created or changed after that, the first since %s, such as %s",
			stamp(last), manager, plural(waiting, "object"), stamp(first), sample),
	}}, nil
}

// hasStatus reports whether a controller can be told by its writes to the status
// subresource.
func hasStatus(crd *audit.CRD) bool {
	v := crd.Storage()
	if v == nil || !v.OwnStatus() || v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return false
	}
	_, ok := v.Schema.OpenAPIV3Schema.Properties["status"]
	return ok
}

// lastStatus returns who of those that write status wrote last, anything at all, and
// when: a controller that sets finalizers lives, too.
func lastStatus(c *audit.Census) (manager string, last time.Time) {
	controllers := map[string]bool{}
	for w := range c.Writers {
		if w.Subresource == "status" {
			controllers[w.Manager] = true
		}
	}
	for w, t := range c.Writers {
		if !controllers[w.Manager] {
			continue
		}
		if t.Newest.After(last) || t.Newest.Equal(last) && w.Manager < manager {
			manager, last = w.Manager, t.Newest
		}
	}
	return manager, last
}

// answersSome reports whether the controller left objects alone while it lived: then
// that it leaves others alone tells nothing.
func answersSome(in *audit.Input, waiting int) bool {
	c, all := in.Census, 0
	for _, t := range c.Waiting {
		all += t.Objects
	}
	return (all-waiting)*100 > (c.Objects-waiting)*int(leftAlone.In(in))
}

// unanswered counts the objects that began to wait after a time, and says when the
// first of them did. Those that waited already then are not counted: the controller
// lived and left them alone, perhaps because they are not its business.
func unanswered(c *audit.Census, after time.Time) (objects int, first time.Time, sample string) {
	for hour, t := range c.Waiting {
		if !hour.After(after) {
			continue
		}
		objects += t.Objects
		if first.IsZero() || hour.Before(first) {
			first, sample = hour, t.Sample
		}
	}
	return objects, first, sample
}
