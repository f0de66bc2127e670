package scan

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit/apitest"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// expired is the answer to a token that is too old.
func expired(token string) *metav1.Status {
	s := apitest.Status(http.StatusGone, metav1.StatusReasonExpired, "the provided continue parameter is too old")
	s.Continue = token
	return s
}

// TestTroubledLists: whatever happens to the list of widgets, no finding counts twice,
// and what was not read is not called clean.
func TestTroubledLists(t *testing.T) {
	isWidgets := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/v1/widgets") }
	continues := func(r *http.Request) bool { return isWidgets(r) && r.URL.Query().Has("continue") }
	unread := func(widgets int, why string, attempts int, message string) []string {
		peers := "; gadgets 0; things -1; widgets -1"
		found := []string{
			gadgetCRD + "0 objects, T001 finds 0" + peers, thingCRD + thingsState + peers,
			widgetCRD + fmt.Sprintf("unread, %s after %d attempts", why, attempts) + peers,
			unserved, "not widgets.example.com " + why + ": " + message,
		}
		if widgets > 0 {
			found = append([]string{strings.Replace(allWidgets, "130", fmt.Sprint(widgets), 1)}, found...)
		}
		return found
	}
	webhook := `conversion webhook for example.com/v1, Kind=Widget failed: connection refused`
	forbidden := `widgets.example.com is forbidden: User "eve" cannot list resource "widgets"`
	for name, test := range map[string]struct {
		intercept func(r *http.Request, n int32) *metav1.Status
		want      []string
	}{
		"token expires, and another comes": {func(r *http.Request, n int32) *metav1.Status {
			if continues(r) && n == 1 {
				return expired("10")
			}
			return nil
		}, whole()},
		"token expires": {func(r *http.Request, n int32) *metav1.Status {
			if continues(r) && n == 1 {
				return expired("")
			}
			return nil
		}, whole()},
		"passing error": {func(r *http.Request, n int32) *metav1.Status {
			if isWidgets(r) && n < 3 {
				return apitest.Status(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcdserver: leader changed")
			}
			return nil
		}, whole()},
		"forbidden": {func(r *http.Request, _ int32) *metav1.Status {
			if isWidgets(r) {
				return apitest.Status(http.StatusForbidden, metav1.StatusReasonForbidden, forbidden)
			}
			return nil
		}, unread(0, "Forbidden", 1, forbidden)},
		"broken from the second page on": {func(r *http.Request, _ int32) *metav1.Status {
			if continues(r) {
				return apitest.Status(http.StatusInternalServerError, metav1.StatusReasonInternalError, webhook)
			}
			return nil
		}, unread(10, "ConversionWebhookFailed", 3, webhook)},
	} {
		t.Run(name, func(t *testing.T) {
			s := cluster()
			var n atomic.Int32
			s.Intercept = func(r *http.Request) *metav1.Status {
				if isWidgets(r) && (continues(r) || !strings.Contains(name, "token")) {
					n.Add(1)
				}
				return test.intercept(r, n.Load())
			}
			r, err := Run(t.Context(), options(t, s))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, lines(r)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTokensAlwaysExpire: a list that never gets behind its first page ends.
func TestTokensAlwaysExpire(t *testing.T) {
	for token, wantPages := range map[string]int{"": 1 + restarts, "10": 1 + restarts} {
		s := cluster()
		s.Intercept = func(r *http.Request) *metav1.Status {
			if r.URL.Query().Has("continue") {
				return expired(token)
			}
			return nil
		}
		l := lister{client: s.Clients(t).List().Resource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}), most: 10}
		pages, begun := 0, 0
		for {
			page, err := l.next(t.Context())
			if err != nil {
				if !watch.Expired(err) {
					t.Errorf("token %q: %v", token, err)
				}
				break
			}
			if page == nil {
				t.Fatalf("token %q: the list ended as if it were whole", token)
			}
			pages++
			if l.restarted {
				begun++
			}
		}
		if pages != wantPages || begun != restarts {
			t.Errorf("token %q: %d pages, begun anew %d times", token, pages, begun)
		}
	}
}

// TestDeletedMeanwhile: a type that goes during the audit is not missed.
func TestDeletedMeanwhile(t *testing.T) {
	s := cluster()
	s.Intercept = func(r *http.Request) *metav1.Status {
		if strings.Contains(r.URL.Path, "/widgets") {
			return apitest.Status(http.StatusNotFound, metav1.StatusReasonNotFound, "not found")
		}
		return nil
	}
	r, err := Run(t.Context(), options(t, s))
	if err != nil {
		t.Fatal(err)
	}
	peers := "; gadgets 0; things -1; widgets -1"
	want := []string{gadgetCRD + "0 objects, T001 finds 0" + peers, thingCRD + thingsState + peers, unserved}
	if d := cmp.Diff(want, lines(r)); d != "" {
		t.Error(d)
	}
}

// TestLargeObjects: pages get smaller where objects are large.
func TestLargeObjects(t *testing.T) {
	l := lister{}
	if got := l.limit(); got != firstPage {
		t.Errorf("first page of %d", got)
	}
	for size, want := range map[int]int64{100: largestPage, 8 << 10: 256, 1 << 20: 2, 3 << 20: 1} {
		l := lister{}
		l.read(size)
		l.read(size)
		if got := l.limit(); got != want {
			t.Errorf("pages of %d for objects of %d bytes, want %d", got, size, want)
		}
	}
	text, err := json.Marshal(widget(1))
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDefinition(crdObject("widgets"))
	if err != nil {
		t.Fatal(err)
	}
	_, redaction, err := d.open("v1")
	if err != nil {
		t.Fatal(err)
	}
	if o := newObject(widget(1), redaction); o.Size != len(text) {
		t.Errorf("size %d, want that before the redaction, %d", o.Size, len(text))
	}
}
