package live

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// TestTheCensusIsExact: whatever happens while objects are counted, and however much of
// it the list of them is ahead of the entries, in the end the census is that of what is
// there.
func TestTheCensusIsExact(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := newCluster(t)
		crd := c.synced("widgets")
		b := newInbox()
		b.want(crd, true)
		var sent []watch.Entry
		// deliver hands on some of what happened, in order.
		deliver := func(n int) {
			n = min(n, len(sent))
			b.take(sent[:n])
			sent = sent[n:]
		}
		step := func() {
			name := fmt.Sprint("o", random.IntN(6))
			if key := "web/" + name; c.Record(crd, key) != nil && random.IntN(3) == 0 {
				sent = append(sent, c.holdRemoval(crd, key)...)
				return
			}
			o := object(name, nil)
			o["metadata"].(map[string]any)["finalizers"] = []any{fmt.Sprint("f", random.IntN(3))}
			sent = append(sent, c.hold(crd, o)...)
		}
		for range random.IntN(12) {
			step()
		}
		deliver(random.IntN(len(sent) + 1))
		for b.next() != nil { // looked at before there was a census
		}
		records, _ := c.Records(crd)
		r := &resource{uid: crd}
		count := newCounting(prepare(r, records))
		for range 40 {
			switch random.IntN(4) {
			case 0:
				step()
			case 1:
				deliver(random.IntN(3))
			case 2:
				if it := b.next(); it != nil {
					count.apply(it, readObject(t))
				}
			case 3:
				if count.at < len(count.list) {
					if l := count.list[count.at]; !l.gone {
						count.census.Add(readObject(t)(l.Record))
					}
					count.at++
				} else if count.list != nil && b.passed(crd, count.position) {
					count.settled()
				}
			}
		}
		deliver(len(sent))
		for ; count.at < len(count.list); count.at++ {
			if l := count.list[count.at]; !l.gone {
				count.census.Add(readObject(t)(l.Record))
			}
		}
		for it := b.next(); it != nil; it = b.next() {
			count.apply(it, readObject(t))
		}
		want := audit.NewCensus()
		records, _ = c.Records(crd)
		for _, record := range records.List {
			want.Add(readObject(t)(record))
		}
		if d := cmp.Diff(want, count.census, cmpopts.IgnoreFields(audit.Trace{}, "Sample"),
			cmpopts.IgnoreFields(audit.Census{}, "Bytes")); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
	}
}

func readObject(t *testing.T) reader {
	return func(r *watch.Record) *audit.Object {
		content, size, err := r.Content()
		if err != nil {
			t.Fatal(err)
		}
		return audit.NewObject(content, size)
	}
}

func TestTheInbox(t *testing.T) {
	c := newCluster(t)
	crd := c.synced("widgets")
	b := newInbox()
	b.take(c.hold(crd, object("a", nil)))
	if b.next() != nil {
		t.Error("a change is there that nobody wants")
	}
	b.want(crd, true)
	first := c.Record(crd, "web/a")
	b.take(c.hold(crd, object("a", nil)))
	b.take(c.hold(crd, object("b", nil)))
	b.take(c.holdRemoval(crd, "web/a"))
	b.take(c.hold(crd, object("a", nil)))
	if b.passed(crd, fmt.Sprint(c.rv)) {
		t.Error("something waits, and all counts as passed")
	}
	it := b.next()
	if it.key != "web/a" || it.old != first || it.now != c.Record(crd, "web/a") || it.deleted || !it.added {
		t.Errorf("%+v", it)
	}
	if it = b.next(); it.key != "web/b" || it.old != nil {
		t.Errorf("%+v", it)
	}
	if !b.passed(crd, fmt.Sprint(c.rv)) || b.passed(crd, fmt.Sprint(c.rv+1)) {
		t.Error("how far it came is wrong")
	}
	// After a restore of etcd, revisions begin at lower numbers.
	c.rv = 1
	b.take(c.hold(crd, object("c", nil)))
	if n := b.news(); !n.recount[crd] {
		t.Error("a position that goes back is not noticed")
	}
	b.take([]watch.Entry{{Checkpoint: watch.Checkpoint{Resource: discovery.CRDs().UID}}, {}})
	if n := b.news(); len(n.crds) != 0 {
		t.Error("an entry without an object is taken for a CRD")
	}
}
