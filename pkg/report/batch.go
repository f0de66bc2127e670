package report

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// newBatch makes one transaction of entries, and numbers their events after last. No
// entry of a resource follows the one by which it is forgotten, which lets the store
// do that at the end.
func newBatch(entries []queued, last uint64) store.Batch {
	var b store.Batch
	for i := range entries {
		for _, ev := range entries[i].Events {
			last++
			ev.Seq = last
			b.Events = append(b.Events, ev)
		}
		if c := entries[i].Counts; c != nil {
			b.Counts = append(b.Counts, *c)
		}
		if entries[i].Forgotten {
			b.Forgotten = append(b.Forgotten, entries[i].Checkpoint.Resource)
		}
	}
	b.Checkpoints = lastCheckpoints(entries)
	b.States = lastStates(entries)
	return b
}

// lastCheckpoints returns the last one of each resource: the batch is there as a
// whole, so nobody can stop at one in between.
func lastCheckpoints(entries []queued) []watch.Checkpoint {
	var checkpoints []watch.Checkpoint
	at := map[types.UID]int{}
	for i := range entries {
		c := entries[i].Checkpoint
		if c.Resource == "" {
			continue
		}
		if known, ok := at[c.Resource]; ok {
			checkpoints[known] = c
			continue
		}
		at[c.Resource] = len(checkpoints)
		checkpoints = append(checkpoints, c)
	}
	return checkpoints
}

// objectKey is a place that one object at a time can have.
type objectKey struct {
	resource        types.UID
	namespace, name string
}

// lastStates leaves out the states that a later one overwrites. Only a revision
// overwrites whatever is at its place. A deletion removes the object of its own UID
// alone, so what came before it counts: of an object that is replaced and then
// deleted, the deletion by itself would leave the first one there.
func lastStates(entries []queued) []store.State {
	var states []store.State
	overwritten := map[objectKey]bool{}
	for i := range slices.Backward(entries) {
		e := &entries[i]
		if e.Object == nil || e.Checkpoint.Resource == "" {
			continue
		}
		key := objectKey{e.Checkpoint.Resource, e.Object.Namespace(), e.Object.Name()}
		if overwritten[key] {
			continue
		}
		overwritten[key] = !e.Deleted
		states = append(states, stateOf(e))
	}
	slices.Reverse(states)
	return states
}

func stateOf(e *queued) store.State {
	st := store.State{Resource: e.Checkpoint.Resource, Deleted: e.Deleted}
	if e.Deleted {
		st.Object = watch.SavedObject{Namespace: e.Object.Namespace(), Name: e.Object.Name(), UID: e.Object.UID()}
		return st
	}
	st.Object = e.Object.Saved()
	return st
}
