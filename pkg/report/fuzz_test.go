package report

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
)

// FuzzQuery: whatever the parameters are, the answer is a page or a Status that says what
// is wrong with them.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"", "resource=certificates.cert-manager.io&namespace=web&name=tls-1&type=MODIFIED&manager=kubectl-edit", "limit=1", "limit=0",
		"limit=99999999999999999999", "since=10m&until=2026-11-26T12:00:00Z", "since=-1h", "until=1s&since=0s", "cursor=1", "cursor=%00",
		"cursor=18446744073709551615", "watch=perhaps", "namespace=-", "a=b", "limit=1&limit=2", "%zz", "resource=x", ";", "since=99999999h",
	} {
		f.Add(query, "")
	}
	f.Add("limit=3", "3")
	l := NewLedger(LedgerOptions{})
	fill(l, 5)
	l.Record(gap())
	h, _ := newTestHandler(l)
	f.Fuzz(func(t *testing.T, query, lastID string) {
		if values, err := url.ParseQuery(query); err == nil {
			if on, err := strconv.ParseBool(values.Get("watch")); on && err == nil {
				return // it would not end
			}
		}
		r := httptest.NewRequest(http.MethodGet, "/api/v1/events", nil)
		r.Host, r.URL.RawQuery = "localhost", query
		r.Header.Set("Last-Event-ID", lastID)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var body struct {
			Items   *[]json.RawMessage
			Status  string
			Message string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
		}
		switch w.Code {
		case http.StatusOK:
			if body.Items == nil {
				t.Errorf("no items: %s", w.Body)
			}
		case http.StatusBadRequest, http.StatusGone:
			if body.Status != "Failure" || body.Message == "" {
				t.Errorf("%d without a reason: %s", w.Code, w.Body)
			}
		default:
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	})
}

// FuzzCursor: what can be read as a cursor is written in the same way again.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "0", "42", "18446744073709551616", "-1", Cursor{epoch: 7, seq: 42}.String(), "7-42", "\x00", "４２"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := parseCursor(s, 7)
		if !ok {
			return
		}
		if again, ok := parseCursor(c.String(), 7); !ok || again != c {
			t.Errorf("%q is %+v, and that %+v", s, c, again)
		}
	})
}
