package scribe

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// tape is a ledger in the making, with the events that are right for it.
type tape struct {
	ledger Ledger
	events []watch.Event
}

var things = watch.ResourceRef{Group: "example.com", Version: "v1", Resource: "things", Kind: "Thing"}

// life writes an object that is created, resized to each size, and deleted.
func (t *tape) life(uid types.UID, first uint64, sizes ...int64) {
	t.note(uid, watch.Added, first, nil)
	before := int64(0)
	for i, size := range sizes {
		change := diff.Change{Path: ".spec.size", Op: diff.Replace, Old: before, New: size, Manager: SpecWriter, Operation: "Update"}
		t.note(uid, watch.Modified, first+uint64(i)+1, []diff.Change{change})
		before = size
	}
	t.note(uid, watch.Deleted, first+uint64(len(sizes))+1, nil)
}

func (t *tape) note(uid types.UID, typ watch.EventType, rv uint64, changes []diff.Change) {
	manager := map[watch.EventType]string{watch.Added: Creator, watch.Modified: SpecWriter}[typ]
	id, floor := fmt.Sprint(uid, "/", rv), rv
	if typ == watch.Deleted {
		id, floor = string(uid)+"/DELETED", rv-1
	}
	if t.ledger == nil {
		t.ledger = Ledger{}
	}
	t.ledger[uid] = append(t.ledger[uid], Entry{
		ID: id, Type: typ, Resource: things.Name(), Name: "name-" + string(uid), Revision: floor,
		Generation: int64(rv), Manager: manager, Changes: Values(changes),
	})
	ev := watch.Event{
		ID: id, Type: typ, Origin: watch.Live, Resource: things, Name: "name-" + string(uid), UID: uid,
		ResourceVersion: fmt.Sprint(rv), Generation: int64(rv), Changes: changes,
	}
	if manager != "" {
		ev.Managers = []string{manager}
	}
	t.events = append(t.events, ev)
}

func gap(from, to uint64) watch.Event {
	return watch.Event{
		ID: fmt.Sprint("gap", from), Type: watch.Gap, Origin: watch.Reconciled, Resource: things,
		Gap: &watch.GapInfo{From: fmt.Sprint(from), To: fmt.Sprint(to)},
	}
}

// judged returns what a Judge says of events, whose numbers it gives.
func (t *tape) judged(events []watch.Event) []string {
	var gaps []watch.Event
	for i := range events {
		events[i].Seq = uint64(100 + i)
		if events[i].Type == watch.Gap {
			gaps = append(gaps, events[i])
		}
	}
	j := NewJudge(t.ledger, gaps)
	for _, ev := range events {
		j.Take(ev)
	}
	return j.Finish()
}

// reconciled is the net change of a size.
func reconciled(ev watch.Event, before any) watch.Event {
	ev.Origin = watch.Reconciled
	if len(ev.Changes) > 0 {
		c := ev.Changes[0]
		c.Old = before
		ev.Changes = []diff.Change{c}
	}
	return ev
}

// TestJudge has one right history and many ways to get it wrong. Object a has the
// revisions 10 to 14: created, 5, 6, 0, deleted; b 20 to 22; c 30 to 31.
func TestJudge(t *testing.T) {
	type events = []watch.Event
	var tp tape
	tp.life("a", 10, 5, 6, 0)
	tp.life("b", 20, 1)
	tp.life("c", 30)
	at := func(ev watch.Event, change func(*watch.Event)) watch.Event { change(&ev); return ev }
	for name, test := range map[string]struct {
		history func(e events) events
		problem string // none if empty
	}{
		"right":          {func(e events) events { return e }, ""},
		"missing":        {func(e events) events { return slices.Delete(e, 1, 2) }, "1 revisions before MODIFIED a/12 are missing"},
		"first missing":  {func(e events) events { return e[1:] }, "while \"\" lives under this name"},
		"last missing":   {func(e events) events { return e[:len(e)-1] }, "1 revisions of name-c are missing"},
		"object missing": {func(e events) events { return e[:len(e)-2] }, "2 revisions of name-c are missing"},
		"twice":          {func(e events) events { return slices.Insert(e, 2, e[1]) }, "the ID a/11 comes twice"},
		"swapped":        {func(e events) events { e[1], e[2] = e[2], e[1]; return e }, "a/11 comes again, or too late"},
		"extra":          {func(e events) events { return append(e, at(e[5], func(e *watch.Event) { e.UID, e.ID = "x", "x/1" })) }, "nobody wrote what x/1 reports"},
		"invented":       {func(e events) events { e[2].ID = "a/99"; return e }, "nobody wrote the revision of a/99"},
		"wrong value":    {func(e events) events { e[2] = reconciled(e[2], int64(4)); e[2].Origin = watch.Live; return e }, "a/12 differs from what was written"},
		"wrong type":     {func(e events) events { e[0].Type = watch.Modified; return e }, "a/10 differs from what was written"},
		"wrong manager": {func(e events) events {
			e[1] = reconciled(e[1], int64(0))
			e[1].Origin = watch.Live
			e[1].Changes[0].Manager = Patcher
			return e
		}, `by "patcher"`},
		"wrong generation": {func(e events) events { e[1].Generation++; return e }, "a/11 differs"},
		"no GAP":           {func(e events) events { return append(events{e[0], reconciled(e[2], int64(0))}, e[3:]...) }, "1 revisions before MODIFIED a/12 are missing"},
		"reconciled": {func(e events) events {
			return append(events{e[0], reconciled(e[2], int64(0)), gap(10, 12)}, e[3:]...)
		}, ""},
		"reconciled again": {func(e events) events {
			return append(events{e[0], reconciled(e[1], int64(0)), reconciled(e[2], int64(5)), gap(10, 12)}, e[3:]...)
		}, ""},
		"not in the GAP": {func(e events) events {
			return append(events{e[0], reconciled(e[2], int64(0)), gap(11, 12)}, e[3:]...)
		}, "1 revisions before MODIFIED a/12 are missing"},
		"old base": {func(e events) events {
			return append(events{e[0], reconciled(e[2], int64(5)), gap(10, 12)}, e[3:]...)
		}, "a/12 differs"},
		"never reconciled":   {func(e events) events { return append(events{e[0], gap(10, 12)}, e[3:]...) }, "never reconciled"},
		"nothing came of it": {func(e events) events { return append(events{e[0], gap(10, 13)}, e[4:]...) }, ""},
		"born in the GAP": {func(e events) events {
			added := at(e[2], func(e *watch.Event) { e.Type, e.Origin, e.Changes = watch.Added, watch.Reconciled, nil })
			return append(events{added, gap(9, 12)}, e[3:]...)
		}, ""},
		"born and gone":      {func(e events) events { return append(events{gap(9, 15)}, e[5:]...) }, ""},
		"end never told":     {func(e events) events { return append(e[:4:4], append(events{gap(13, 15)}, e[5:]...)...) }, "its end was never reconciled"},
		"birth never told":   {func(e events) events { return append(events{gap(9, 12)}, e[3:]...) }, "never reconciled"},
		"reconciled, no GAP": {func(e events) events { e[2].Origin = watch.Reconciled; return e }, "reconciled outside of every GAP"},
		"GAPs that overlap":  {func(e events) events { return append(e, gap(40, 50), gap(45, 60)) }, "the GAP gap45 is from 45 to 60"},
		"GAP of no time":     {func(e events) events { return append(e, gap(40, 40)) }, "the GAP gap40"},
		"two under one name": {func(e events) events {
			e[6].Name = "name-a"
			return append(events{e[0]}, append(events{e[5], e[6]}, e[1:5]...)...)
		}, "differs"},
		"deleted, not MODIFY": {func(e events) events { return append(e[:3:3], append(events{e[4], e[3]}, e[5:]...)...) }, "1 revisions before DELETED"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := tp.judged(test.history(slices.Clone(tp.events)))
			switch {
			case test.problem == "" && len(problems) > 0:
				t.Errorf("it complains: %q", problems)
			case test.problem != "" && !strings.Contains(strings.Join(problems, "\n"), test.problem):
				t.Errorf("problems %q, want %q", problems, test.problem)
			}
		})
	}
}

// TestJudgeCounts: a hole in the numbers is one in the history.
func TestJudgeCounts(t *testing.T) {
	var tp tape
	tp.life("a", 10, 1)
	j := NewJudge(tp.ledger, nil)
	for i, ev := range tp.events {
		ev.Seq = uint64(2 * i)
		j.Take(ev)
	}
	if problems := j.Finish(); len(problems) != 1 || !strings.Contains(problems[0], "event 4 follows event 2") {
		t.Errorf("problems %q", problems)
	}
}
