package report

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func read(t *testing.T, l *Ledger, after Cursor) []uint64 {
	t.Helper()
	events, err := l.Read(after, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return seqs(events)
}

func TestLedgerNumbersEventsWithoutHoles(t *testing.T) {
	for name, base := range map[string]uint64{"from one": 0, "from a base": 1 << 50} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger(LedgerOptions{Base: base})
			fill(l, 3)
			want := []uint64{base + 1, base + 2, base + 3}
			if d := cmp.Diff(want, read(t, l, Cursor{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLedgerKeepsTheNewest(t *testing.T) {
	fat := modified("fat", 1)
	fat.Changes = []diff.Change{{Path: ".spec.a", New: strings.Repeat("x", 10_000)}}
	size := eventSize(&fat)
	tests := map[string]struct {
		opts LedgerOptions
		want []uint64
	}{
		"all below both bounds":         {LedgerOptions{}, []uint64{1, 2, 3, 4, 5}},
		"the number of events":          {LedgerOptions{MaxEvents: 2}, []uint64{4, 5}},
		"the bytes":                     {LedgerOptions{MaxBytes: 3*size + 1}, []uint64{3, 4, 5}},
		"at least one, however big":     {LedgerOptions{MaxBytes: 1}, []uint64{5}},
		"the bound that is hit earlier": {LedgerOptions{MaxEvents: 4, MaxBytes: 2 * size}, []uint64{4, 5}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := NewLedger(tc.opts)
			for range 5 {
				l.Record(fat)
			}
			if d := cmp.Diff(tc.want, read(t, l, Cursor{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRingKeepsOrderWhileItGrowsAndWraps(t *testing.T) {
	for _, bound := range []int{1, minRing - 1, minRing, minRing + 1, 3*minRing + 7} {
		t.Run(fmt.Sprint(bound), func(t *testing.T) {
			l := NewLedger(LedgerOptions{MaxEvents: bound})
			for i := 1; i <= 4*bound+3; i++ {
				l.Record(watch.Event{})
				events := read(t, l, Cursor{})
				if n := min(i, bound); len(events) != n || events[0] != uint64(i-n+1) || events[n-1] != uint64(i) {
					t.Fatalf("after %d events: %v", i, events)
				}
			}
		})
	}
}

func TestLedgerSizeEstimateIsOfTheRightOrder(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	before := heap()
	for i := range 5000 {
		ev := modified(fmt.Sprint(i), i)
		ev.Changes = append(ev.Changes, diff.Change{Path: fmt.Sprintf(".spec.p%d", i), New: map[string]any{
			"a": strings.Repeat("x", 200), "b": []any{int64(1), "y", true, nil},
		}})
		l.Record(ev)
	}
	used := heap() - before
	if got := l.ring.bytes; got < used/2 || got > used*2 {
		t.Errorf("estimated %d bytes, the heap grew by %d", got, used)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestReaderThatFallsBehindIsTold(t *testing.T) {
	l := NewLedger(LedgerOptions{MaxEvents: 2})
	start := l.Newest()
	fill(l, 3)
	for name, call := range map[string]func() error{
		"Read":  func() error { _, err := l.Read(start, 1); return err },
		"Next":  func() error { _, err := l.Next(t.Context(), start, 1); return err },
		"Query": func() error { _, err := l.Query(t.Context(), start, 1, Filter{}); return err },
	} {
		var expired *ExpiredError
		if err := call(); !errors.As(err, &expired) || expired.Oldest.seq != 1 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestReadersSeeEveryEventOnceAndInOrder(t *testing.T) {
	const writers, each, readers = 4, 2000, 5
	l := NewLedger(LedgerOptions{MaxEvents: writers * each})
	var wg sync.WaitGroup
	for range readers {
		start := l.Newest()
		wg.Go(func() { readAll(t, l, start, writers*each) })
	}
	for range writers {
		wg.Go(func() { fill(l, each) })
	}
	wg.Wait()
}

func readAll(t *testing.T, l *Ledger, after Cursor, want uint64) {
	for after.seq < want {
		events, err := l.Next(t.Context(), after, 64)
		if err != nil {
			t.Error(err)
			return
		}
		for _, ev := range events {
			if ev.Seq != after.seq+1 {
				t.Errorf("seq %d after %d", ev.Seq, after.seq)
				return
			}
			after = l.After(ev)
		}
	}
}

func TestNextWaitsForTheFirstEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger(LedgerOptions{})
		got := make(chan []uint64)
		go func() {
			events, _ := l.Next(t.Context(), l.Newest(), 10)
			got <- seqs(events)
		}()
		synctest.Wait()
		select {
		case events := <-got:
			t.Fatalf("returned %v from an empty ledger", events)
		default:
		}
		fill(l, 1)
		if d := cmp.Diff([]uint64{1}, <-got); d != "" {
			t.Error(d)
		}
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	l := NewLedger(LedgerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Next(ctx, l.Newest(), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRecordNeedsNoReader(t *testing.T) {
	l := NewLedger(LedgerOptions{MaxEvents: 10})
	for range 100 {
		l.Wake(l.Newest()) // asked for, never looked at
		fill(l, 1)
	}
	if got := l.Newest().seq; got != 100 {
		t.Errorf("recorded %d of 100", got)
	}
}

func TestObserveSeesTheNumberedEvent(t *testing.T) {
	var got []uint64
	l := NewLedger(LedgerOptions{Observe: func(ev *watch.Event) { got = append(got, ev.Seq) }})
	fill(l, 2)
	if d := cmp.Diff([]uint64{1, 2}, got); d != "" {
		t.Error(d)
	}
}

func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger(LedgerOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Alive(ctx); err != nil {
			t.Errorf("idle: %v", err)
		}
		l.mu.Lock()
		if err := l.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stuck: got %v", err)
		}
		l.mu.Unlock()
	})
}

func BenchmarkLedgerRecord(b *testing.B) {
	ev := modified("tls-main", 4711)
	for name, readers := range map[string]int{"unwatched": 0, "10 readers": 10} {
		b.Run(name, func(b *testing.B) {
			l := NewLedger(LedgerOptions{})
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			for range readers {
				wg.Go(func() { follow(ctx, l) })
			}
			b.ReportAllocs()
			for b.Loop() {
				l.Record(ev)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			cancel()
			wg.Wait()
		})
	}
}

func follow(ctx context.Context, l *Ledger) {
	after := l.Newest()
	for {
		events, err := l.Next(ctx, after, 256)
		if ctx.Err() != nil {
			return
		}
		after = l.Newest()
		if err == nil {
			after = l.After(events[len(events)-1])
		}
	}
}
