package rules

import (
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// finalizerManager is the manager that set a finalizer; empty if none claims it.
func finalizerManager(o *audit.Object, finalizer string) string {
	path := fieldpath.MakePathOrDie("metadata", "finalizers", value.NewValueInterface(finalizer))
	for _, e := range o.Entries() {
		if e.Fields != nil && e.Fields.Has(path) {
			return e.Manager
		}
	}
	return ""
}

// lastWriteBy is when one of some managers last wrote the object; zero if none is known to.
func lastWriteBy(o *audit.Object, meant func(manager string) bool) time.Time {
	var last time.Time
	for _, e := range o.Entries() {
		if meant(e.Manager) {
			last = later(last, e.Time)
		}
	}
	return last
}

// ownsBeyond reports whether an entry has anything but some top-level fields. One whose
// fields cannot be read may.
func ownsBeyond(e audit.Entry, fields ...string) bool {
	if e.Fields == nil {
		return true
	}
	owns := false
	note := func(pe fieldpath.PathElement) {
		owns = owns || pe.FieldName != nil && !slices.Contains(fields, *pe.FieldName)
	}
	e.Fields.Members.Iterate(note)
	e.Fields.Children.Iterate(note)
	return owns
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
