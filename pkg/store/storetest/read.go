package storetest

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// mixed is events of all types, of two resources.
func mixed(n uint64) []watch.Event {
	all := Events(1, n)
	for i := range all {
		ev := &all[i]
		switch i % 50 {
		case 7:
			all[i] = Gap(ev.Seq, i%2)
		case 9:
			ev.Type, ev.ID = watch.Deleted, string(ev.UID)+"/DELETED"
		case 11:
			ev.Type, ev.Managers = watch.Added, []string{"manager-1", "rare"}
		case 13:
			ev.Namespace = ""
		}
	}
	return all
}

// wants is what a Query means, said once more.
func wants(q store.Query, ev watch.Event) bool {
	object := q.Namespace == nil || *q.Namespace == ev.Namespace
	object = object && (q.Name == "" || q.Name == ev.Name) && (q.UID == "" || q.UID == ev.UID)
	object = object && (q.Manager == "" || slices.Contains(ev.Managers, q.Manager))
	return (object || ev.Type == watch.Gap) &&
		(q.Resource == "" || q.Resource == ev.Resource.Name()) && (q.Type == "" || q.Type == ev.Type) &&
		(q.Since.IsZero() || !ev.Time.Before(q.Since)) && (q.Until.IsZero() || ev.Time.Before(q.Until)) &&
		ev.Seq > q.After && (q.Before == 0 || ev.Seq < q.Before)
}

func answer(all []watch.Event, q store.Query) []uint64 {
	out := []uint64{}
	for _, ev := range all {
		if wants(q, ev) {
			out = append(out, ev.Seq)
		}
	}
	if q.Newest {
		slices.Reverse(out)
	}
	if q.Limit > 0 {
		out = out[:min(q.Limit, len(out))]
	}
	return out
}

// testQueries asks most combinations of the fields, and compares with a scan.
func testQueries(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	all := mixed(400)
	// A clock that is set back: events that are numbered late.
	for i := 240; i < 260; i++ {
		all[i].Time = all[i].Time.Add(-7 * time.Minute)
	}
	commit(t, s, store.Batch{Events: all[:200]}, store.Batch{Events: all[200:]})
	ns, none := "ns-1", ""
	fields := []func(*store.Query){
		func(q *store.Query) { q.Resource = Ref(1).Name() },
		func(q *store.Query) { q.Namespace = &ns },
		func(q *store.Query) { q.Name = "w-3" },
		func(q *store.Query) { q.UID = UID(1, 4) },
		func(q *store.Query) { q.Type = watch.Deleted },
		func(q *store.Query) { q.Manager = "manager-1" },
		func(q *store.Query) { q.Since = all[80].Time },
		func(q *store.Query) { q.Until = all[351].Time },
		func(q *store.Query) { q.After, q.Before = 33, 372 },
		func(q *store.Query) { q.Newest, q.Limit = true, 17 },
	}
	var queries []store.Query
	for mask := range uint(1 << len(fields)) {
		if bits.OnesCount(mask) > 2 && mask%64 != 7 {
			continue // as all of them take long with the race detector
		}
		var q store.Query
		for i, set := range fields {
			if mask>>i&1 == 1 {
				set(&q)
			}
		}
		queries = append(queries, q)
	}
	queries = append(queries, store.Query{Type: watch.Gap}, store.Query{Type: watch.Gap, Resource: Ref(0).Name()},
		store.Query{Type: watch.Modified, Limit: 3}, store.Query{Namespace: &none}, store.Query{Manager: "rare"},
		store.Query{Type: watch.Added, Newest: true}, store.Query{Resource: "unknown"},
		store.Query{Since: Noon().Add(time.Hour * 24)}, store.Query{Until: Noon()}, store.Query{Before: 1})
	for _, q := range queries {
		want, got := answer(all, q), seqs(t, s, q)
		if !slices.Equal(want, got) {
			t.Errorf("%+v: got %v, want %v", q, got, want)
		}
	}
}

// testPages reads page by page in both directions.
func testPages(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	all := mixed(400)
	commit(t, s, store.Batch{Events: all})
	for _, q := range []store.Query{{Limit: 9}, {Limit: 9, Newest: true}, {Limit: 300, Name: "w-4"}, {Limit: 2, Name: "w-4", Newest: true}} {
		whole := q
		whole.Limit = 0
		var got []uint64
		for {
			page := seqs(t, s, q)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			if q.Newest {
				q.Before = page[len(page)-1]
			} else {
				q.After = page[len(page)-1]
			}
		}
		same(t, "all pages", answer(all, whole), got)
	}
}

func expired(t *testing.T, s Store, q store.Query, oldest uint64) {
	t.Helper()
	for _, err := range s.Events(context.Background(), q) {
		var e *store.ExpiredError
		if !errors.Is(err, store.ErrExpired) || !errors.As(err, &e) {
			t.Fatalf("%+v: got %v, want ErrExpired", q, err)
		}
		same(t, "oldest", oldest, e.Oldest)
		return
	}
	t.Fatalf("%+v: got nothing, want ErrExpired", q)
}

func testExpired(t *testing.T, p *place) {
	now := Noon().Add(time.Hour)
	s := p.start(t, store.Options{Retention: time.Hour - 300*time.Second, Now: func() time.Time { return now }})
	defer closing(t, s)
	commit(t, s, Batch(1, 800))
	expired(t, s, store.Query{After: 801}, 1)
	expired(t, s, store.Query{After: 1 << 63}, 1)
	same(t, "at the end", []uint64{}, seqs(t, s, store.Query{After: 800}))
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	first := bounds(t, s)[0]
	if first < 200 || first > 300 {
		t.Fatalf("the oldest event is %d", first)
	}
	expired(t, s, store.Query{After: first - 2}, first)
	expired(t, s, store.Query{After: 1, Resource: Ref(1).Name(), Since: now.Add(-time.Minute)}, first)
	same(t, "right before the oldest", first, seqs(t, s, store.Query{After: first - 1, Limit: 1})[0])
	same(t, "from the oldest", first, seqs(t, s, store.Query{Limit: 1})[0])
	same(t, "newest first", []uint64{800}, seqs(t, s, store.Query{Limit: 1, Newest: true}))
	sound(t, s)
}

func testOvertaken(t *testing.T, p *place) {
	now := Noon()
	s := p.start(t, store.Options{Retention: time.Minute, Now: func() time.Time { return now }})
	defer closing(t, s)
	commit(t, s, Batch(1, 900))
	for _, newest := range []bool{true, false} {
		now = Noon()
		var last uint64
		var end error
		for ev, err := range s.Events(context.Background(), store.Query{Newest: newest}) {
			if err != nil {
				end = err
				break
			}
			if last > 0 && ev.Seq != last+1 && ev.Seq != last-1 {
				t.Fatalf("event %d follows %d", ev.Seq, last)
			}
			last = ev.Seq
			if now.Equal(Noon()) {
				now = Noon().Add(300 * time.Second)
				if !newest {
					now = Noon().Add(800 * time.Second)
				}
				if err := s.Prune(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !newest && !errors.Is(end, store.ErrExpired) {
			t.Errorf("oldest first: got %v, want ErrExpired", end)
		}
		if newest && end != nil {
			t.Errorf("newest first: %v", end)
		}
	}
}

// testConcurrent has everyone at work at once. Readers see batches whole.
func testConcurrent(t *testing.T, p *place) {
	now := Noon().Add(400 * time.Second)
	s := p.start(t, store.Options{Retention: time.Minute, Now: func() time.Time { return now }})
	defer closing(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	loop := func(step func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := step(); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	loop(func() error { return s.Prune(ctx) })
	loop(func() error {
		last := uint64(0)
		for ev, err := range s.Events(ctx, store.Query{Newest: true, Limit: 40}) {
			if err != nil {
				return err
			}
			if last == 0 && ev.Seq%20 != 0 {
				return errors.New("a batch is seen in part")
			}
			last = ev.Seq
		}
		return nil
	})
	loop(func() error {
		for _, err := range s.Objects(ctx, UID(1, 0)) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	for n := range uint64(15) {
		commit(t, s, Batch(20*n+1, 20*n+20))
	}
	cancel()
	wg.Wait()
	sound(t, s)
}
