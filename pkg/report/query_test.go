package report

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCursor(t *testing.T) {
	l := NewLedger(LedgerOptions{Base: 100, MaxEvents: 3})
	other := NewLedger(LedgerOptions{Base: 100})
	fill(l, 5) // 103, 104, 105 are left
	fill(other, 5)
	at := func(l *Ledger, seq uint64) string { return Cursor{epoch: l.epoch, seq: seq}.String() }
	tests := map[string]struct {
		cursor string
		want   []uint64 // nil: expired
	}{
		"right before the oldest":       {at(l, 102), []uint64{103, 104, 105}},
		"in the middle":                 {at(l, 104), []uint64{105}},
		"at the newest":                 {at(l, 105), []uint64{}},
		"plain seq":                     {"104", []uint64{105}},
		"past retention":                {at(l, 101), nil},
		"plain seq past retention":      {"101", nil},
		"from the future":               {at(l, 106), nil},
		"plain seq from the future":     {"106", nil},
		"of another process":            {at(other, 104), nil},
		"seq of a process before":       {"5", nil},
		"garbage":                       {"yesterday", nil},
		"almost a cursor":               {at(l, 104)[1:], nil},
		"with bits that no cursor sets": {at(l, 104)[:21] + "B", nil},
		"empty":                         {"", nil},
		"negative":                      {"-1", nil},
		"zero":                          {Cursor{}.String(), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := l.Cursor(t.Context(), tc.cursor)
			if tc.want == nil {
				var expired *ExpiredError
				if !errors.As(err, &expired) || !errors.Is(err, ErrExpired) {
					t.Fatalf("got %v, want an ExpiredError", err)
				}
				if d := cmp.Diff([]uint64{103, 104, 105}, read(t, l, expired.Oldest)); d != "" {
					t.Errorf("from the oldest on: %s", d)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, read(t, l, c)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestQueryPages(t *testing.T) {
	tests := map[string]struct {
		filter Filter
		limit  int
		want   [][]uint64
	}{
		"one page":               {Filter{}, 10, [][]uint64{{1, 2, 3, 4, 5, 6}}},
		"exactly full":           {Filter{}, 6, [][]uint64{{1, 2, 3, 4, 5, 6}}},
		"several":                {Filter{}, 4, [][]uint64{{1, 2, 3, 4}, {5, 6}}},
		"only what matches":      {Filter{Name: "tls-3"}, 1, [][]uint64{{4}}},
		"nothing matches":        {Filter{Name: "other"}, 1, [][]uint64{{}}},
		"last match at the page": {Filter{Until: noon}, 3, [][]uint64{{}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := NewLedger(LedgerOptions{})
			fill(l, 6)
			if d := cmp.Diff(tc.want, pages(t, l, tc.filter, tc.limit)); d != "" {
				t.Error(d)
			}
		})
	}
}

func pages(t *testing.T, l *Ledger, f Filter, limit int) [][]uint64 {
	t.Helper()
	var out [][]uint64
	for after := (Cursor{}); ; {
		page, err := l.Query(t.Context(), after, limit, f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seqs(page.Items))
		if page.NextCursor == "" {
			return out
		}
		if after, err = l.Cursor(t.Context(), page.NextCursor); err != nil {
			t.Fatal(err)
		}
	}
}
