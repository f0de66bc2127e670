package report

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestErrorsAreStatuses(t *testing.T) {
	l := NewLedger(LedgerOptions{MaxEvents: 2})
	fill(l, 5)
	h, _ := newTestHandler(l)
	tests := map[string]struct {
		method, target string
		header         []string
		code           int
		reason         metav1.StatusReason
		names          string // a part of the message
	}{
		"unknown path":               {"GET", "/api/v1/nothing", nil, 404, metav1.StatusReasonNotFound, ""},
		"unknown path outside":       {"GET", "/favicon.ico", nil, 404, metav1.StatusReasonNotFound, ""},
		"path with a slash too many": {"GET", "/api/v1/events/", nil, 404, metav1.StatusReasonNotFound, ""},
		"incomplete object":          {"GET", "/api/v1/objects/g/r/ns/events", nil, 404, metav1.StatusReasonNotFound, ""},
		"method":                     {"POST", "/api/v1/events", nil, 405, metav1.StatusReasonMethodNotAllowed, ""},
		"method on metrics":          {"DELETE", "/metrics", nil, 405, metav1.StatusReasonMethodNotAllowed, ""},
		"unknown parameter":          {"GET", "/api/v1/events?nmespace=web", nil, 400, metav1.StatusReasonBadRequest, "nmespace"},
		"parameter of another route": {"GET", "/api/v1/resources?limit=1", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"parameter in the path":      {"GET", "/api/v1/objects/g/r/ns/n/events?name=x", nil, 400, metav1.StatusReasonBadRequest, "name"},
		"parameter twice":            {"GET", "/api/v1/events?name=a&name=b", nil, 400, metav1.StatusReasonBadRequest, "name"},
		"malformed query":            {"GET", "/api/v1/events?name=%zz", nil, 400, metav1.StatusReasonBadRequest, "query"},
		"resource without group":     {"GET", "/api/v1/events?resource=certificates", nil, 400, metav1.StatusReasonBadRequest, "resource"},
		"type":                       {"GET", "/api/v1/events?type=modified", nil, 400, metav1.StatusReasonBadRequest, "type"},
		"since":                      {"GET", "/api/v1/events?since=yesterday", nil, 400, metav1.StatusReasonBadRequest, "since"},
		"since in the future":        {"GET", "/api/v1/events?since=-5m", nil, 400, metav1.StatusReasonBadRequest, "since"},
		"until":                      {"GET", "/api/v1/events?until=12:00", nil, 400, metav1.StatusReasonBadRequest, "until"},
		"until before since":         {"GET", "/api/v1/events?since=1m&until=2m", nil, 400, metav1.StatusReasonBadRequest, "until"},
		"limit":                      {"GET", "/api/v1/events?limit=many", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit of none":              {"GET", "/api/v1/events?limit=0", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit too large":            {"GET", "/api/v1/events?limit=1001", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit of lines":             {"GET", "/api/v1/events?limit=-1", []string{"Accept", mediaNDJSON}, 400, metav1.StatusReasonBadRequest, "limit"},
		"limit of a stream":          {"GET", "/api/v1/events?watch=1&limit=5", nil, 400, metav1.StatusReasonBadRequest, "limit"},
		"watch":                      {"GET", "/api/v1/events?watch=maybe", nil, 400, metav1.StatusReasonBadRequest, "watch"},
		"unknown cursor":             {"GET", "/api/v1/events?cursor=abc", nil, 410, metav1.StatusReasonExpired, ""},
		"cursor past retention":      {"GET", "/api/v1/events?cursor=1", nil, 410, metav1.StatusReasonExpired, ""},
		"cursor of lines":            {"GET", "/api/v1/events?cursor=abc", []string{"Accept", mediaNDJSON}, 410, metav1.StatusReasonExpired, ""},
		"cursor of a stream":         {"GET", "/api/v1/events?cursor=abc", []string{"Accept", mediaSSE}, 410, metav1.StatusReasonExpired, ""},
		"last event past retention":  {"GET", "/api/v1/events?watch=true", []string{"Last-Event-ID", "1"}, 410, metav1.StatusReasonExpired, ""},
		"last event of the future":   {"GET", "/api/v1/events?watch=true", []string{"Last-Event-ID", "99"}, 410, metav1.StatusReasonExpired, ""},
		"last event of another process": {"GET", "/api/v1/events?watch=true&cursor=" + Cursor{epoch: 1, seq: 4}.String(),
			[]string{"Last-Event-ID", "4"}, 410, metav1.StatusReasonExpired, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := request(h, tc.method, tc.target, tc.header...)
			got := decode[metav1.Status](t, w)
			if w.Code != tc.code || int(got.Code) != tc.code || got.Reason != tc.reason || got.Status != metav1.StatusFailure || got.Kind != "Status" {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			if !strings.Contains(got.Message, tc.names) {
				t.Errorf("the message does not name %s: %s", tc.names, got.Message)
			}
			if tc.code == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %s", w.Header().Get("Allow"))
			}
			if tc.code != http.StatusGone {
				return
			}
			again := request(h, "GET", "/api/v1/events?cursor="+got.Continue)
			if d := cmp.Diff([]uint64{4, 5}, seqs(decode[Page](t, again).Items)); d != "" {
				t.Errorf("from the oldest cursor on: %s", d)
			}
		})
	}
}
