package diff

import (
	"cmp"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// authors finds out who wrote a change, from managedFields before and after it. It
// relies on what the API server's field manager does (k8s.io/apimachinery,
// pkg/util/managedfields):
//
//   - An Update takes the fields that it adds or modifies from all other entries,
//     and only then is its own entry's time set. One that merely removes fields
//     leaves no trace of itself: all owners' entries shrink.
//   - An Apply owns what was applied last, together with whoever else applied the
//     same value. What it no longer applies, and nobody else owns, is removed. Its
//     time is set only if the object changed, so that some entries have none.
//   - Times have a resolution of one second, so that one that did not move does not
//     prove that nothing happened.
//
// One revision is the work of one entry. Across a gap there may be several.
type authors struct {
	old, new []writer
}

func newAuthors(old, new []managedEntry) authors {
	var a authors
	a.old = newWriters(old, nil)
	a.new = newWriters(new, a.old)
	for i := range a.new {
		a.new[i].acted = a.hasActed(a.new[i])
	}
	return a
}

// hasActed tells whether an entry of the new object wrote since the old one: it is
// new itself, its time moved, or it gained fields. Losing fields is no act.
func (a *authors) hasActed(w writer) bool {
	if w.bookkeeping() {
		return false
	}
	before := find(a.old, w.identity)
	if before == nil {
		return !w.time.IsZero()
	}
	return !before.time.Equal(w.time) || w.hasGained(before)
}

// statusAlong tells whether the status is written with the rest of the object. If it is
// not, or managedFields does not tell, there may be the status subresource, so that only
// requests to that can change the status.
func (a *authors) statusAlong() bool {
	status := fieldpath.MakePathOrDie("status")
	along := false
	for _, writers := range [][]writer{a.old, a.new} {
		for _, w := range writers {
			switch w.subresource {
			case "status":
				return false
			case "":
				along = along || w.touches(status)
			}
		}
	}
	return along
}

func find(writers []writer, id identity) *writer {
	for i := range writers {
		if writers[i].identity == id {
			return &writers[i]
		}
	}
	return nil
}

// of returns the author of an edit, or nil.
func (a *authors) of(e edit) *writer {
	if e.removal() {
		return a.remover(e)
	}
	return a.author(e)
}

// author returns who owns in the new object what was added or replaced. If nobody
// does by that very path, it may be that the schema was another one when the field
// was written: then it is the one entry that acted on something around it.
func (a *authors) author(e edit) *writer {
	var best *writer
	for i := range a.new {
		w := &a.new[i]
		if !w.owns(e.owned) || e.refined() && w.granularAt(e.owned) {
			continue
		}
		if best == nil || compareWriters(w, best) < 0 {
			best = w
		}
	}
	if best != nil {
		return best
	}
	return a.only(func(w *writer) bool { return w.acted && w.touches(e.owned) })
}

// compareWriters orders owners of the same field by how likely they wrote it last.
func compareWriters(a, b *writer) int {
	return cmp.Or(
		cmp.Compare(rank(b.acted), rank(a.acted)),
		time.Time.Compare(b.time, a.time),
		// Only appliers state what they want, so of equals it is rather one of them.
		cmp.Compare(a.operation, b.operation),
		cmp.Compare(a.manager, b.manager),
		cmp.Compare(a.subresource, b.subresource),
		cmp.Compare(a.apiVersion, b.apiVersion),
	)
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// remover returns who removed a field: the entry that acted and gave it up, else the
// only one that acted at all and could have reached it. A pure removal by Update
// leaves no trace, and neither rule then applies.
func (a *authors) remover(e edit) *writer {
	gaveUp := func(w *writer) bool {
		before := find(a.old, w.identity)
		return w.acted && before != nil && before.owns(e.owned) && !w.owns(e.owned)
	}
	if w := a.only(gaveUp); w != nil {
		return w
	}
	acted := func(w *writer) bool { return w.acted }
	if w := a.only(acted); w != nil && a.reaches(w, e.change.Section) {
		return w
	}
	return nil
}

// reaches tells whether a request to the entry's subresource can remove fields of a
// section.
func (a *authors) reaches(w *writer, section string) bool {
	switch w.subresource {
	case "status":
		return section == "status"
	case "":
		return section != "status" || a.statusAlong()
	}
	return false
}

// only returns the entry of the new object for which ok holds, if it is just one.
func (a *authors) only(ok func(*writer) bool) *writer {
	var found *writer
	for i := range a.new {
		if !ok(&a.new[i]) {
			continue
		}
		if found != nil {
			return nil
		}
		found = &a.new[i]
	}
	return found
}
