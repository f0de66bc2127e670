package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// traffic makes the events of controllers: of two thousand objects of ten resources,
// mostly conditions and times in the status, and now and then an edit of the spec.
type traffic struct {
	random *rand.Rand
	seq    uint64
}

func (tr *traffic) next() watch.Event {
	tr.seq++
	object := tr.random.IntN(2000)
	ev := storetest.Event(tr.seq, object%10)
	ev.Namespace, ev.Name = fmt.Sprintf("team-%d", object%40), fmt.Sprintf("service-%d-%x", object, object*7919)
	ev.UID = storetest.UID(object*7919, object*104729)
	ev.ID = fmt.Sprintf("%s/%s", ev.UID, ev.ResourceVersion)
	at := ev.Time.Format(time.RFC3339)
	status := func(path string, before, after any) diff.Change {
		return diff.Change{Path: path, Op: diff.Replace, Old: before, New: after,
			Manager: "widget-controller", Operation: "Update", Subresource: "status", Section: "status"}
	}
	ev.Managers = []string{"widget-controller"}
	ev.Changes = []diff.Change{
		status(`.status.conditions[type="Ready"].lastTransitionTime`, "2026-11-22T09:15:27Z", at),
		status(`.status.conditions[type="Ready"].message`, fmt.Sprintf("%d of %d replicas are available", tr.random.IntN(9), object%9), "all replicas are available"),
		status(`.status.conditions[type="Ready"].status`, "False", "True"),
		status(`.status.observedGeneration`, ev.OldGeneration, ev.Generation),
	}
	if tr.random.IntN(5) == 0 {
		ev.Managers = []string{"kubectl-edit"}
		ev.Changes = []diff.Change{{Path: ".spec.template.image", Op: diff.Replace,
			Old: fmt.Sprintf("registry.example.com/app/%s:v%d", ev.Name, object), New: fmt.Sprintf("registry.example.com/app/%s:v%d", ev.Name, object+1),
			Manager: "kubectl-edit", Operation: "Update", Section: "spec"}}
	}
	return ev
}

// batch is n events, each with a state that takes a kilobyte when it is compressed.
func (tr *traffic) batch(n int) store.Batch {
	var b store.Batch
	for range n {
		ev := tr.next()
		b.Events = append(b.Events, ev)
		st := storetest.State(ev, storetest.UID(0, 0))
		st.Object.Body = make([]byte, 1024)
		for i := range st.Object.Body {
			st.Object.Body[i] = byte(tr.random.Uint32())
		}
		b.States = append(b.States, st)
	}
	b.Checkpoints = []watch.Checkpoint{storetest.Checkpoint(0, fmt.Sprint(tr.seq))}
	return b
}

func newTraffic() *traffic { return &traffic{random: rand.New(rand.NewPCG(1, 2))} }

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, err := store.Open(b.Context(), b.TempDir(), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			tr := newTraffic()
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				batch := tr.batch(n)
				b.StartTimer()
				start := time.Now()
				if err := s.Commit(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(n*len(took))/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkCommitWhilePruning commits ten events at a time while old ones are removed.
func BenchmarkCommitWhilePruning(b *testing.B) {
	s, err := store.Open(b.Context(), b.TempDir(), store.Options{MaxBytes: 16 << 20, Interval: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	tr := newTraffic()
	for range 60 {
		if err := s.Commit(b.Context(), tr.batch(1000)); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	var took []time.Duration
	for b.Loop() {
		batch := tr.batch(10)
		start := time.Now()
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkQuery asks a history of events for its newest page, and says what an event
// and an object take on disk.
func BenchmarkQuery(b *testing.B) {
	const events = 200_000
	s, err := store.Open(b.Context(), b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	tr := newTraffic()
	for range events / 1000 {
		batch := tr.batch(1000)
		batch.States = batch.States[:10]
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	st, err := s.Stats(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%.0f bytes per event, %v", st.BytesPerEvent, st.Parts)
	ev := tr.next()
	since := storetest.Noon().Add(events / 2 * time.Second)
	for name, q := range map[string]store.Query{
		"object":  {Resource: ev.Resource.Name(), Namespace: &ev.Namespace, Name: ev.Name},
		"time":    {Since: since, Until: since.Add(time.Minute)},
		"uid":     {UID: ev.UID},
		"manager": {Manager: "kubectl-edit", Newest: true, Limit: 100},
		"newest":  {Newest: true, Limit: 100},
		"all":     {},
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				for _, err := range s.Events(b.Context(), q) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "events/op")
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(max(n, 1)), "µs/event")
		})
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkObjects reads 20,000 states of a kilobyte, as a start does.
func BenchmarkObjects(b *testing.B) {
	s, err := store.Open(b.Context(), b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	tr := newTraffic()
	for i := range 20 {
		batch := tr.batch(1000)
		for j := range batch.States {
			batch.States[j].Object.Name = fmt.Sprintf("object-%d", i*1000+j)
		}
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Objects(b.Context(), storetest.UID(0, 0)) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 20000 {
			b.Fatal(n)
		}
	}
	st, err := s.Stats(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(st.BytesPerObject, "B/object")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDeflate is what the package's dictionary is worth.
func BenchmarkDeflate(b *testing.B) {
	for name, dictionary := range map[string][]byte{"with": []byte(store.Dictionary()), "without": nil} {
		b.Run(name, func(b *testing.B) {
			tr := newTraffic()
			total, n := 0, 0
			for b.Loop() {
				b.StopTimer()
				text := store.EventJSON(tr.next())
				b.StartTimer()
				var out bytes.Buffer
				if err := flate.StatelessDeflate(&out, text, true, dictionary); err != nil {
					b.Fatal(err)
				}
				total += out.Len()
				n++
			}
			b.ReportMetric(float64(total)/float64(n), "B/event")
		})
	}
}
