package scribe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Values leaves of changes what a Writer knows without managedFields, in order.
func Values(changes []diff.Change) []diff.Change {
	var out []diff.Change
	for _, c := range changes {
		out = append(out, diff.Change{Path: c.Path, Op: c.Op, Old: c.Old, New: c.New})
	}
	slices.SortFunc(out, func(a, b diff.Change) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// Attributed checks the managers of an event and returns the one of the write. The
// removal of a field may have no manager: an Update that only removes leaves no
// trace of its author in managedFields. But it may never have another's.
func (e Entry) Attributed(ev watch.Event) (manager string, wrong []string) {
	if ev.Type == watch.Deleted {
		return strings.Join(ev.Managers, ","), nil
	}
	subresource := ""
	if e.Manager == StatusWriter {
		subresource = "status"
	}
	for _, c := range ev.Changes {
		known := c.Manager == e.Manager && c.Operation == "Update" && c.Subresource == subresource
		if !known && (c.Op != diff.Remove || c.Manager != "") {
			wrong = append(wrong, fmt.Sprintf("%s %s of %s by %q (%s, %q), written by %q",
				c.Op, c.Path, ev.ID, c.Manager, c.Operation, c.Subresource, e.Manager))
		}
	}
	if onlyRemovals(ev.Changes) && len(ev.Managers) == 0 {
		return e.Manager, wrong
	}
	return strings.Join(ev.Managers, ","), wrong
}

func onlyRemovals(changes []diff.Change) bool {
	return len(changes) > 0 && !slices.ContainsFunc(changes, func(c diff.Change) bool { return c.Op != diff.Remove })
}

// net is what came of several changes in a row, in the order of the paths.
func net(entries []Entry) []diff.Change {
	first, last := map[string]diff.Change{}, map[string]diff.Change{}
	for _, e := range entries {
		for _, c := range e.Changes {
			if _, ok := first[c.Path]; !ok {
				first[c.Path] = c
			}
			last[c.Path] = c
		}
	}
	var out []diff.Change
	for path, c := range first {
		before, after := c.Op != diff.Add, last[path].Op != diff.Remove
		n := diff.Change{Path: path, Op: diff.Replace, Old: c.Old, New: last[path].New}
		switch {
		case !before && !after, before && after && n.Old == n.New:
			continue
		case !before:
			n.Op = diff.Add
		case !after:
			n.Op = diff.Remove
		}
		out = append(out, n)
	}
	return Values(out)
}

// plain makes values comparable: a number in the history is not of the type that it
// was written with.
func plain(changes []diff.Change) {
	for i := range changes {
		for _, v := range []*any{&changes[i].Old, &changes[i].New} {
			if *v == nil {
				continue
			}
			b, err := json.Marshal(*v)
			if err != nil {
				b = []byte(err.Error())
			}
			*v = string(b)
		}
	}
}
