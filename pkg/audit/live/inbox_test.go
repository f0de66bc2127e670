package live

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// TestTurns: the objects of a resource are taken together, and one that never comes to an
// end holds up no other.
func TestTurns(t *testing.T) {
	b := newInbox()
	change := func(crd types.UID, name string) {
		b.want(crd, true)
		record := watch.Restore(watch.SavedObject{Name: name, UID: types.UID(name), ResourceVersion: "1"})
		b.take([]watch.Entry{{Checkpoint: watch.Checkpoint{Resource: crd, Position: "1"}, Object: record}})
	}
	for i := range 2 {
		for _, crd := range []types.UID{"a", "b", "c"} {
			change(crd, fmt.Sprint(i))
		}
	}
	var taken []string
	for it := b.next(); it != nil; it = b.next() {
		taken = append(taken, string(it.crd)+it.key)
		if it.crd == "a" && len(taken) < 4 {
			change("a", fmt.Sprint("later", len(taken)))
		}
	}
	want := []string{"a0", "a1", "b0", "b1", "c0", "c1", "alater1", "alater2"}
	if diff := gocmp.Diff(want, taken); diff != "" {
		t.Errorf("taken in another order:\n%s", diff)
	}
}
