package diff

import (
	"math/rand/v2"
	"testing"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// TestOwnedFields compares what is said of fields of which only some are parsed with what
// is said of the same when all are.
func TestOwnedFields(t *testing.T) {
	const sets, paths = 2_000, 2 * mostPaths
	random := rand.New(rand.NewPCG(3, 4))
	owned, touched, granular := 0, 0, 0
	for range sets {
		set := fieldpath.NewSet()
		for range random.IntN(12) {
			set.Insert(anyPath(random))
		}
		raw, err := set.ToJSON()
		if err != nil {
			t.Fatal(err)
		}
		whole := writer{fields: &ownedFields{raw: raw}}
		whole.fields.all()
		part := writer{fields: newOwnedFields(raw)}
		for range paths {
			path := anyPath(random)
			for what, said := range map[string]func(writer) bool{
				"owned":       func(w writer) bool { return count(&owned, w.owns(path)) },
				"touched":     func(w writer) bool { return count(&touched, w.touches(path)) },
				"granular at": func(w writer) bool { return count(&granular, w.granularAt(path)) },
			} {
				if got, want := said(part), said(whole); got != want {
					t.Fatalf("%s is %s: %v, want %v, in %s", path, what, got, want, raw)
				}
			}
		}
	}
	if least := sets * paths / 100; owned < least || touched < least || granular < least {
		t.Errorf("of %d paths only %d are owned, %d touched and %d granular", sets*paths, owned, touched, granular)
	}
}

func count(n *int, yes bool) bool {
	if yes {
		*n++
	}
	return yes
}

// anyPath is one of few, so that they meet.
func anyPath(r *rand.Rand) fieldpath.Path {
	var path fieldpath.Path
	for range 1 + r.IntN(4) {
		switch {
		case len(path) > 0 && r.IntN(5) == 0:
			path = append(path, fieldpath.MakePathOrDie(fieldpath.KeyByFields("name", pick(r, "a", "b")))...)
		default:
			path = append(path, fieldpath.MakePathOrDie(pick(r, "a", "b", `c"d`[:r.IntN(4)]))...)
		}
	}
	return path
}
