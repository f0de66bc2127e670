package scribe

import (
	"fmt"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// maxProblems is how many problems a Judge keeps: whoever reads them has seen enough.
const maxProblems = 20

// Judge compares a history with a Ledger. Outside of every GAP each entry must be an
// event, in the order of the ledger, and no event may be without its entry. Inside of
// one, what an object went through may come together as one reconciled event, or as
// none if nothing came of it.
//
// It is given the whole history in order: every event to Take, then Finish. It takes
// as given that the history began before the first entry was written.
type Judge struct {
	ledger Ledger
	// groups are the API groups that nobody but the ledger's writers writes to.
	groups  map[string]bool
	windows map[string][]window
	next    map[types.UID]int
	living  map[string]types.UID
	ids     map[string]bool
	seq     uint64
	// Churned are the CRDs that came and went: their objects come and go with them, and
	// no GAP says so.
	Churned map[string]bool
	// Origins counts the events of the ledger by origin.
	Origins  map[watch.Origin]int
	problems []string
	omitted  int
}

// window is what a GAP says of a resource: what lies after from, up to to.
type window struct{ from, to uint64 }

// NewJudge makes a Judge of a ledger. gaps are the GAP events of the history.
func NewJudge(ledger Ledger, gaps []watch.Event) *Judge {
	j := &Judge{
		ledger: ledger, groups: map[string]bool{}, windows: map[string][]window{},
		next: map[types.UID]int{}, living: map[string]types.UID{}, ids: map[string]bool{},
		Origins: map[watch.Origin]int{},
	}
	for _, entries := range ledger {
		_, group, _ := strings.Cut(entries[0].Resource, ".")
		j.groups[group] = true
	}
	for _, ev := range gaps {
		j.takeGap(ev)
	}
	return j
}

func (j *Judge) takeGap(ev watch.Event) {
	w := window{revision(ev.Gap.From), revision(ev.Gap.To)}
	earlier := j.windows[ev.Resource.Name()]
	if w.from >= w.to || len(earlier) > 0 && earlier[len(earlier)-1].to > w.from {
		j.complain("the GAP %s is from %s to %s, after %v", ev.ID, ev.Gap.From, ev.Gap.To, earlier)
	}
	j.windows[ev.Resource.Name()] = append(earlier, w)
}

// Gaps is the number of GAPs by resource.
func (j *Judge) Gaps() map[string]int {
	n := map[string]int{}
	for resource, windows := range j.windows {
		n[resource] = len(windows)
	}
	return n
}

// Take judges the next event of the history.
func (j *Judge) Take(ev watch.Event) {
	if j.seq != 0 && ev.Seq != j.seq+1 {
		j.complain("event %d follows event %d", ev.Seq, j.seq)
	}
	j.seq = ev.Seq
	if j.ids[ev.ID] {
		j.complain("the ID %s comes twice", ev.ID)
	}
	j.ids[ev.ID] = true
	// A finding is no revision of its object.
	if ev.Type == watch.Gap || ev.Type == watch.Finding || !j.groups[ev.Resource.Group] {
		return
	}
	j.Origins[ev.Origin]++
	j.live(ev)
	entries, ok := j.ledger[ev.UID]
	if !ok {
		j.complain("nobody wrote what %s reports of %s", ev.ID, ev.Name)
		return
	}
	j.compare(entries, ev)
}

// live checks that a name has one object at a time.
func (j *Judge) live(ev watch.Event) {
	key := ev.Resource.Name() + "/" + ev.Namespace + "/" + ev.Name
	before := j.living[key]
	switch ev.Type {
	case watch.Added:
		if before != "" {
			j.complain("%s is added while %s lives under its name, %s", ev.ID, before, key)
		}
		j.living[key] = ev.UID
	case watch.Deleted:
		delete(j.living, key)
		fallthrough
	default:
		if before != ev.UID {
			j.complain("%s %s of %s, while %q lives under this name", ev.Type, ev.ID, key, before)
		}
	}
}

// compare judges an event of an object that is in the ledger.
func (j *Judge) compare(entries []Entry, ev watch.Event) {
	from := j.next[ev.UID]
	i := place(entries, ev)
	if i < from {
		j.complain("%s %s comes again, or too late: %d revisions are known, it is the %d.", ev.Type, ev.ID, from, i+1)
		return
	}
	j.next[ev.UID] = i + 1
	e, skipped := entries[i], entries[from:i]
	blind := j.lost(e) || j.Churned[e.Resource] && ev.Type != watch.Modified
	switch {
	case len(skipped) > 0 && !j.allLost(skipped):
		j.complain("%d revisions before %s %s are missing: %s", len(skipped), ev.Type, ev.ID, list(skipped))
	case len(skipped) > 0 && ev.Origin != watch.Reconciled && (from == 0 || len(net(skipped)) > 0):
		j.complain("%s is %s, and %d lost revisions before it were never reconciled: %s", ev.ID, ev.Origin, len(skipped), list(skipped))
	case ev.Origin == watch.Reconciled && !blind:
		j.complain("%s is reconciled outside of every GAP", ev.ID)
	case ev.ID != e.ID && ev.Origin != watch.Reconciled:
		j.complain("nobody wrote the revision of %s", ev.ID)
	}
	j.contents(e, entries[from:i+1], ev)
}

// contents compares what an event says with the entries that it stands for.
func (j *Judge) contents(e Entry, entries []Entry, ev watch.Event) {
	want := Entry{Type: e.Type, Resource: e.Resource, Name: e.Name, Generation: e.Generation}
	switch {
	case ev.Type == watch.Deleted: // its generation is that of the last revision seen
		want.Generation = ev.Generation
	case entries[0].Type == watch.Added:
		want.Type = watch.Added
	default:
		want.Changes = net(entries)
	}
	got := Entry{
		Type: ev.Type, Resource: ev.Resource.Name(), Name: ev.Name, Generation: ev.Generation,
		Changes: Values(ev.Changes),
	}
	plain(want.Changes)
	plain(got.Changes)
	if d := gocmp.Diff(want, got); d != "" {
		j.complain("%s differs from what was written (-written +reported):\n%s", ev.ID, d)
	}
	if ev.Origin == watch.Reconciled || len(entries) > 1 {
		return // there may be several managers
	}
	manager, wrong := e.Attributed(ev)
	if ev.Type != watch.Deleted && manager != e.Manager {
		wrong = append(wrong, fmt.Sprintf("%s is by %q, written by %q", ev.ID, manager, e.Manager))
	}
	for _, w := range wrong {
		j.complain("%s", w)
	}
}

// Finish judges what never came, and returns all problems.
func (j *Judge) Finish() []string {
	for uid, entries := range j.ledger {
		j.finish(entries[j.next[uid]:], j.next[uid] > 0)
	}
	slices.Sort(j.problems)
	if j.omitted > 0 {
		j.problems = append(j.problems, fmt.Sprintf("and %d more", j.omitted))
	}
	return j.problems
}

// finish judges the entries of an object that no event stands for.
func (j *Judge) finish(left []Entry, known bool) {
	if len(left) == 0 {
		return
	}
	gone := left[len(left)-1].Type == watch.Deleted
	switch {
	case !j.allLost(left):
		j.complain("%d revisions of %s are missing: %s", len(left), left[0].Name, list(left))
	case known && gone:
		j.complain("%s was known, and its end was never reconciled: %s", left[0].Name, list(left))
	case !known && !gone:
		j.complain("%s was never reconciled: %s", left[0].Name, list(left))
	case known && len(net(left)) > 0:
		j.complain("%d lost revisions of %s were never reconciled: %s", len(left), left[0].Name, list(left))
	}
}

// place is the index of the entry that an event stands for: the last one that it can
// have seen. A write of nothing but managedFields has no entry.
func place(entries []Entry, ev watch.Event) int {
	last := len(entries) - 1
	if ev.Type == watch.Deleted {
		return last
	}
	rv := revision(ev.ResourceVersion)
	for i := last; i > 0; i-- {
		if entries[i].Type != watch.Deleted && entries[i].Revision <= rv {
			return i
		}
	}
	return 0
}

// lost reports whether an entry is of a time that a GAP speaks of. That of a deletion
// is not known: it may have been any after its Revision.
func (j *Judge) lost(e Entry) bool {
	for _, w := range j.windows[e.Resource] {
		if e.Revision <= w.to && (e.Revision > w.from || e.Type == watch.Deleted) {
			return true
		}
	}
	return false
}

func (j *Judge) allLost(entries []Entry) bool {
	return !slices.ContainsFunc(entries, func(e Entry) bool { return !j.lost(e) })
}

func list(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries[:min(len(entries), 5)] {
		fmt.Fprintf(&b, " %s %s", e.Type, e.ID)
	}
	return b.String()
}

func (j *Judge) complain(format string, args ...any) {
	if len(j.problems) == maxProblems {
		j.omitted++
		return
	}
	j.problems = append(j.problems, fmt.Sprintf(format, args...))
}
