package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// FuzzSize: any string, as a key and as a value, is as long as json.Marshal makes it.
func FuzzSize(f *testing.F) {
	for _, s := range []string{
		"", "plain", "a\"b\\c", "line\nbreak\r\ttab\b\f", "\x00\x1f\x7f", "<a&b>", "größer ✓ 😀", "\u2028\u2029", "\xff\xc3(", "\ufffd",
	} {
		f.Add(s, int64(-7), 1e21)
		f.Add(s, int64(1<<62), -0.25)
	}
	f.Fuzz(func(t *testing.T, s string, n int64, x float64) {
		for _, v := range []any{
			map[string]any{}, []any{}, map[string]any{s: s}, map[string]any{"a": s, "b": []any{s, n, x, nil, true, false, map[string]any{}}},
		} {
			text, err := json.Marshal(v)
			if err != nil {
				return // NaN and infinity are no JSON
			}
			if got := audit.Size(v); got != len(text) {
				t.Errorf("%d bytes, want %d: %s", got, len(text), text)
			}
		}
	})
}
