package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
)

func evidence() store.Evidence {
	return store.Evidence{
		Aside: []store.Part{{Name: "/data/damaged-20261122T120000Z", Bytes: 12_345_678}},
		Noted: "malformed page\x1b[2J",
	}
}

func TestStoreCheckGolden(t *testing.T) {
	sound := store.Report{Events: 1000, Objects: 1, Resources: 2}
	faulty := store.Report{Events: 999, Objects: 20, Resources: 2, Omitted: 7, Faults: []string{
		"event 5 is damaged: it is missing, and what follows up to event 6", "widgets.example.com: the state of a/b\x1b[2J is damaged",
	}}
	for name, c := range map[string]StoreCheck{
		"check-sound":    NewStoreCheck("/data", sound, nil, store.Evidence{}),
		"check-evidence": NewStoreCheck("/data", sound, nil, evidence()),
		"check-faulty":   NewStoreCheck("/data", faulty, nil, store.Evidence{}),
		"check-failed":   NewStoreCheck("/data", store.Report{}, errors.New("history.db is damaged: the file is empty"), evidence()),
	} {
		for _, format := range StoreCheckFormats() {
			t.Run(name+"."+format, func(t *testing.T) {
				var b bytes.Buffer
				if err := PrintStoreCheck(&b, format, c, Palette{}); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+format, b.Bytes())
			})
		}
	}
}

func stats() store.Stats {
	return store.Stats{
		Bytes: 140_000_000, Parts: []store.Part{
			{Name: store.PartEvents, Bytes: 100_000_000}, {Name: store.PartEventIndexes, Bytes: 30_000_000},
			{Name: store.PartObjects, Bytes: 9_900_000}, {Name: store.PartDictionaries, Bytes: 99_900}, {Name: store.PartLog, Bytes: 100},
		},
		Events: 412_345, Objects: 20_000, Resources: 12, Dictionaries: 30,
		FirstSeq: 101, LastSeq: 412_445, Oldest: noon, Newest: noon.Add(100 * time.Hour),
		BytesPerEvent: 315.28, BytesPerObject: 500.02,
	}
}

func TestStoreStatsGolden(t *testing.T) {
	empty := store.Stats{Bytes: 4096, Parts: []store.Part{{Name: store.PartOther, Bytes: 4096}}, FirstSeq: 1}
	for name, st := range map[string]StoreStats{
		"stats":       NewStoreStats("/data", stats(), evidence()),
		"stats-empty": NewStoreStats("/data", empty, store.Evidence{}),
	} {
		for _, format := range StoreStatsFormats() {
			t.Run(name+"."+format, func(t *testing.T) {
				var b bytes.Buffer
				if err := PrintStoreStats(&b, format, st, nil); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+format, b.Bytes())
			})
		}
	}
}

func TestStoreStatsRoundTrip(t *testing.T) {
	want := NewStoreStats("/data", stats(), evidence())
	var b bytes.Buffer
	if err := PrintStoreStats(&b, JSON, want, nil); err != nil {
		t.Fatal(err)
	}
	var got StoreStats
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestBinarySize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 10<<10 - 1: "10.0 KiB", 1023 << 10: "1.00 MiB",
		132 << 20: "132 MiB", 1<<30 + 1<<29: "1.50 GiB", 5 << 50: "5120 TiB",
	} {
		if got := binarySize(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
