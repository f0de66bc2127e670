package watch

import "testing"

// TestQueueForgetsWhatALostListBrought: what the informer drops of a list that was cut
// off does not wait for ever.
func TestQueueForgetsWhatALostListBrought(t *testing.T) {
	var all queue
	m := &monitor{queue: &all}
	take := func(names ...string) (records []*Record) {
		for _, name := range names {
			r := Restore(SavedObject{Name: name})
			r.origin = codeOf(originSaved)
			got, err := m.transform(carrier(r))
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, got.(*Record))
		}
		return records
	}
	m.listBegins()
	take("a", "b")
	m.listBegins() // the first was cut off
	kept := take("a", "b", "c")
	m.listEnds()
	if n := all.depth.Load(); n != 3 {
		t.Errorf("%d objects wait, want 3", n)
	}
	all.done(kept[0])
	m.listBegins() // of a complete one nothing is dropped
	if n, bytes := all.depth.Load(), all.bytes.Load(); n != 2 || bytes != int64(kept[1].Size()+kept[2].Size()) {
		t.Errorf("%d objects of %d bytes wait, want 2", n, bytes)
	}
}
