package report

import (
	"slices"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// NoNamespace as the namespace of a Filter asks for cluster-scoped objects only.
// No namespace can have this name.
const NoNamespace = "-"

// Filter says which events a reader wants, and what of them. The zero Filter wants
// everything; every field that is set narrows it.
type Filter struct {
	// Resource is plural.group.
	Resource string
	// Namespace and Name of the object. A GAP names no object and passes them,
	// and Manager as well: it says that events may be missing here, whoever's.
	Namespace, Name string
	Type            watch.EventType
	// Manager is one of the managers that the change is attributed to.
	Manager string
	// Since is inclusive and Until exclusive, so that windows can be chained.
	Since, Until time.Time
	// IgnoreStatus drops changes in status, SpecOnly all but those in spec. An
	// update of which nothing is left is not shown.
	IgnoreStatus, SpecOnly bool
}

// Apply returns what the reader wants to see of ev: ev itself, a copy with fewer
// changes, or nil. It never changes ev.
func (f Filter) Apply(ev *watch.Event) *watch.Event {
	if !f.wants(ev) {
		return nil
	}
	if ev.Type == watch.Gap {
		return ev
	}
	if !f.wantsObject(ev) {
		return nil
	}
	ev = f.reduce(ev)
	if ev == nil || f.Manager != "" && !slices.Contains(ev.Managers, f.Manager) {
		return nil
	}
	return ev
}

// wants checks what every event has, a GAP too.
func (f Filter) wants(ev *watch.Event) bool {
	switch {
	case f.Type != "" && f.Type != ev.Type:
		return false
	case !f.Since.IsZero() && ev.Time.Before(f.Since):
		return false
	case !f.Until.IsZero() && !ev.Time.Before(f.Until):
		return false
	}
	return f.Resource == "" || isNamed(ev.Resource, f.Resource)
}

func (f Filter) wantsObject(ev *watch.Event) bool {
	if f.Name != "" && f.Name != ev.Name {
		return false
	}
	if f.Namespace == NoNamespace {
		return ev.Namespace == ""
	}
	return f.Namespace == "" || f.Namespace == ev.Namespace
}

// isNamed is r.Name() == name without building the name for each event of a scan.
func isNamed(r watch.ResourceRef, name string) bool {
	rest, ok := strings.CutPrefix(name, r.Resource)
	return ok && strings.HasPrefix(rest, ".") && rest[1:] == r.Group
}

// reduce leaves out the changes that the reader does not want. Objects that come
// and go are shown whatever their changes.
func (f Filter) reduce(ev *watch.Event) *watch.Event {
	if !f.IgnoreStatus && !f.SpecOnly {
		return ev
	}
	kept := make([]diff.Change, 0, len(ev.Changes))
	for _, c := range ev.Changes {
		if f.wantsSection(c.Section) {
			kept = append(kept, c)
		}
	}
	switch {
	case ev.Type == watch.Modified && len(kept) == 0 && !hidesSpec(ev):
		return nil
	case len(kept) == len(ev.Changes):
		return ev
	}
	reduced := *ev
	reduced.Changes = kept
	if ev.Type == watch.Modified {
		reduced.Managers = managersOf(kept)
	}
	return &reduced
}

// hidesSpec: a change of the spec is known by the generation alone.
func hidesSpec(ev *watch.Event) bool {
	return ev.MetadataOnly && ev.Generation != ev.OldGeneration
}

func (f Filter) wantsSection(section string) bool {
	if f.SpecOnly {
		return section == "spec"
	}
	return section != "status"
}

// managersOf returns the managers that changes are attributed to, sorted.
func managersOf(changes []diff.Change) []string {
	var managers []string
	for _, c := range changes {
		if c.Manager != "" {
			managers = append(managers, c.Manager)
		}
	}
	slices.Sort(managers)
	return slices.Compact(managers)
}
