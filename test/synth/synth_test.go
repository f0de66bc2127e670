package synth_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/test/synth"
)

func TestSameSeedSameObjects(t *testing.T) {
	object := func(seed, index, n uint64) []any {
		o, status, share := synth.KindOfObject(seed, index, 4000).Object(n)
		return []any{o.Object, status, share}
	}
	if diff := cmp.Diff(object(1, 2, 3), object(1, 2, 3)); diff != "" {
		t.Errorf("the same object differs from itself:\n%s", diff)
	}
	for _, other := range [][3]uint64{{2, 2, 3}, {1, 3, 3}, {1, 2, 4}} {
		if cmp.Equal(object(1, 2, 3), object(other[0], other[1], other[2])) {
			t.Errorf("object %v is that of seed 1, kind 2, number 3", other)
		}
	}
}

func TestSchemasHaveTheWantedSizes(t *testing.T) {
	sizes := synth.SchemaSizes(1, 40, 30<<10)
	for i, want := range sizes {
		data, err := json.Marshal(synth.KindOfSchema(1, uint64(i), want).Definition())
		if err != nil {
			t.Fatal(err)
		}
		// The smallest step is one field, which may be a group of groups.
		if len(data) < want || len(data) > want+16<<10 {
			t.Errorf("CRD %d has %d bytes, wanted %d", i, len(data), want)
		}
	}
	slices.Sort(sizes)
	if median := float64(sizes[20]); math.Abs(median/(30<<10)-1) > 0.4 {
		t.Errorf("median %.0f is far from %d", median, 30<<10)
	}
}

func TestShareAddsUp(t *testing.T) {
	_, _, share := synth.KindOfObject(1, 0, 8<<10).Object(1)
	if sum := share.Random + share.Picked + share.Repeated; share.Random == 0 || share.Picked == 0 || sum >= share.Total {
		t.Errorf("the parts of %+v do not fit into it", share)
	}
}
