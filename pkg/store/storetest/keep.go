package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
)

func testAge(t *testing.T, p *place) {
	now := Noon().Add(10 * time.Minute)
	s := p.start(t, store.Options{Retention: 5 * time.Minute, Now: func() time.Time { return now }})
	commit(t, s, Batch(1, 600))
	before := states(t, s, UID(1, 0))
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	first := bounds(t, s)[0]
	// Retention may keep up to a minute more than asked, and never less.
	if first > 300 || first < 239 {
		t.Errorf("event %d is the oldest after 5 minutes", first)
	}
	same(t, "events", Events(first, 600), events(t, s, store.Query{}))
	same(t, "states", before, states(t, s, UID(1, 0)))
	sound(t, s)

	now = now.Add(24 * time.Hour)
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	same(t, "bounds without events", [2]uint64{601, 600}, bounds(t, s))
	closing(t, s)
	s = p.start(t, store.Options{Retention: time.Hour, Now: func() time.Time { return now }})
	defer closing(t, s)
	same(t, "bounds after another start", [2]uint64{601, 600}, bounds(t, s))
	expired(t, s, store.Query{After: 500}, 601)
	same(t, "nothing yet", []uint64{}, seqs(t, s, store.Query{After: 600}))
	commit(t, s, Batch(601, 602))
	same(t, "the next", []uint64{601, 602}, seqs(t, s, store.Query{}))
	same(t, "states", 5, len(states(t, s, UID(1, 0))))
	sound(t, s)
}

func testSize(t *testing.T, p *place) {
	const most = 560 << 10
	s := p.start(t, store.Options{MaxBytes: most})
	defer closing(t, s)
	commit(t, s, Batch(1, 10))
	next := uint64(11)
	// What does not compress to much less than half.
	random := rand.New(rand.NewPCG(1, 1))
	noise := ""
	for range 40 {
		noise += strconv.FormatUint(random.Uint64(), 16)
	}
	for range 6 {
		b := store.Batch{Events: Events(next, next+199)}
		for i := range b.Events {
			b.Events[i].Name += noise[i%50:]
		}
		commit(t, s, b)
		next += 200
	}
	before := states(t, s, UID(1, 0))
	size := func() int64 {
		t.Helper()
		st, err := s.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return st.Bytes
	}
	if got := size(); got < most {
		t.Fatalf("%d bytes before: too few for this test", got)
	}
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := size(); got > most {
		t.Errorf("%d bytes after, at most %d were to be", got, most)
	}
	if got := bounds(t, s); got[1] != next-1 || got[0] < 2 || got[1]-got[0] < 200 {
		t.Errorf("events %d are kept", got)
	}
	same(t, "states", before, states(t, s, UID(1, 0)))
	sound(t, s)
}

func testCluster(t *testing.T, p *place) {
	for _, step := range []struct {
		cluster string
		refused bool
	}{{"", false}, {"a", false}, {"a", false}, {"b", true}, {"", false}, {"a", false}} {
		s, err := p.open(context.Background(), p.dir, store.Options{Cluster: step.cluster})
		var e *store.OtherClusterError
		if errors.As(err, &e) != step.refused || err != nil && !step.refused {
			t.Fatalf("cluster %q: %v", step.cluster, err)
		}
		if err != nil {
			same(t, "saved and given", [2]string{"a", "b"}, [2]string{e.Saved, e.Given})
			continue
		}
		closing(t, s)
	}
}

func testStats(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	commit(t, s, Batch(1, 1000))
	got, err := s.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, part := range got.Parts {
		sum += part.Bytes
	}
	same(t, "sum of the parts", got.Bytes, sum)
	if got.BytesPerEvent < 50 || got.BytesPerEvent > 2000 || got.BytesPerObject < 50 {
		t.Errorf("%.0f bytes per event, %.0f per object", got.BytesPerEvent, got.BytesPerObject)
	}
	got.Bytes, got.Parts, got.BytesPerEvent, got.BytesPerObject = 0, nil, 0, 0
	same(t, "statistics", store.Stats{
		Events: 1000, Objects: 10, Resources: 2, Dictionaries: 2, FirstSeq: 1, LastSeq: 1000,
		Oldest: Event(1, 0).Time, Newest: Event(1000, 0).Time,
	}, got)
}
