package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"":                0,
		"web/a":           5,
		"größer":          6,
		"3 → 8…":          6,
		"漢字":              4,
		"한국어":             6,
		"ｆｕｌｌ":            8,
		"🚀":               2,
		"e\u0301te\u0301": 3,
		"カタカナ 1":          10,
	} {
		if got := columns(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

// TestShortenCutsByColumns: what is shortened is never torn, and never wider than asked.
func TestShortenCutsByColumns(t *testing.T) {
	for _, text := range []string{strings.Repeat("漢字", 30), strings.Repeat("a漢", 40), strings.Repeat("e\u0301", 50), strings.Repeat("x", 90)} {
		for width := 3; width < 40; width++ {
			got := shorten(text, width)
			if n := columns(got); n > width || n < width-2 || !utf8.ValidString(got) || !strings.Contains(got, marker) {
				t.Errorf("%d columns of %q: %q takes %d", width, text, got, n)
			}
		}
	}
}

// TestWideValuesFit: values in wide characters stay on their line.
func TestWideValuesFit(t *testing.T) {
	ev := watch.Event{Type: watch.Modified, Resource: watch.ResourceRef{Group: "example.com", Resource: "widgets"}, Name: "a", Changes: []diff.Change{
		change(".spec.title", diff.Replace, strings.Repeat("漢字", 40), strings.Repeat("カナ", 40), "kubectl", "spec"),
		change(".spec.note", diff.Add, nil, strings.Repeat("한국어", 30), "kubectl", "spec"),
	}}
	for l := range strings.Lines(render(t, Text, TextOptions{Width: 80}, ev)) {
		if n := columns(strings.TrimSuffix(l, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
}
