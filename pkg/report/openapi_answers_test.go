package report

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/spec3"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// eventful is a ledger with an event of each type, with and without what may be absent.
func eventful() *Ledger {
	l := NewLedger(LedgerOptions{})
	added := modified("tls-main", 1)
	added.Type, added.OldGeneration, added.Changes = watch.Added, 0, nil
	l.Record(added)
	changed := modified("tls-main", 2)
	changed.Changes = append(changed.Changes,
		diff.Change{Path: ".spec.paused", Op: diff.Replace, Old: true, Section: "spec"},
		diff.Change{Path: ".status.items[0]", Op: diff.Add, New: map[string]any{"a": []any{1, nil}}, Subresource: "status", Section: "status"},
		diff.Change{Path: ".metadata.labels.a", Op: diff.Remove, Old: "<redacted sha256:826c495d>", Section: "metadata"})
	l.Record(changed)
	deleted := modified("node-1", 3)
	deleted.ID, deleted.Type, deleted.Origin, deleted.Namespace = "uid-node-1/DELETED", watch.Deleted, watch.Resumed, ""
	deleted.Generation, deleted.OldGeneration, deleted.Managers, deleted.Changes = 0, 0, nil, nil
	l.Record(deleted)
	l.Record(gap())
	worse := found(watch.FindingOpen, "medium")
	worse.Finding.Until, worse.Finding.FromHistory = noon, true
	l.Record(worse)
	many := found(watch.FindingResolved, "")
	many.Resource, many.Name, many.UID, many.Generation = watch.ResourceRef{Group: "b", Resource: "a"}, "", "", 0
	many.Finding.Since = many.Finding.Until
	l.Record(many)
	return l
}

// whole returns a handler that serves everything. It admits who says alice.
func whole(change func(*HandlerOptions)) *Handler {
	opts := HandlerOptions{
		Ledger: eventful(), Inventory: &fixture{statuses: cluster()}, Metrics: NewMetrics(Build{}), Findings: auditor{},
	}
	if change != nil {
		change(&opts)
	}
	return NewHandler(opts)
}

func admitting(err error) func(*HandlerOptions) {
	return func(o *HandlerOptions) {
		o.Admit = func(*http.Request) (Caller, error) { return nil, err }
	}
}

// provocations have every path answer in as many ways as there are.
func provocations(t *testing.T) map[string]func(path string) *httptest.ResponseRecorder {
	get := func(query string, change func(*HandlerOptions), header ...string) func(string) *httptest.ResponseRecorder {
		return func(path string) *httptest.ResponseRecorder {
			return request(whole(change), "GET", path+query, header...)
		}
	}
	return map[string]func(path string) *httptest.ResponseRecorder{
		"as it is":          get("", nil),
		"lines":             get("", nil, "Accept", mediaNDJSON),
		"OpenMetrics":       get("", nil, "Accept", "application/openmetrics-text; version=1.0.0"),
		"unknown parameter": get("?no-such=1", nil),
		"unknown cursor":    get("?cursor=nonsense", nil),
		"nobody":            get("", admitting(access.ErrUnauthenticated)),
		"another site":      get("", nil, "Origin", "http://evil.example"),
		"unknown browser":   get("", nil, "Sec-Fetch-Mode", "cors"),
		"somebody unknown":  get("", nil, "Sec-Fetch-Mode", "navigate", "Accept", "text/html,*/*;q=0.8"),
		"a browser's link": func(path string) *httptest.ResponseRecorder {
			h := whole(nil)
			return request(h, "GET", path+h.door.query(), "Sec-Fetch-Mode", "navigate")
		},
		"unknown API":       get("", admitting(&access.UnavailableError{Err: errors.New("down")})),
		"a mistake of ours": get("", admitting(errors.New("a secret"))),
		"without an audit":  get("", func(o *HandlerOptions) { o.Findings = nil }),
		"not ready": get("", func(o *HandlerOptions) {
			f := &fixture{}
			f.setReady(errors.New("3 of 12 resources are still syncing"))
			o.Inventory = f
		}),
		"stream": func(path string) *httptest.ResponseRecorder {
			h := whole(nil)
			h.EndStreams()
			return request(h, "GET", path+"?since=2000-01-01T00:00:00Z", "Accept", mediaSSE)
		},
		"too many streams": func(path string) *httptest.ResponseRecorder {
			h := whole(nil)
			for range maxStreams {
				if _, err := h.clients.enter(view{}); err != nil {
					t.Fatal(err)
				}
			}
			return request(h, "GET", path+"?watch=true")
		},
	}
}

// TestAnswersAreDocumented: every path is answered with all the status codes that the
// document has for it, with no other, and in the form that it says.
func TestAnswersAreDocumented(t *testing.T) {
	for path, item := range document(t).Paths.Paths {
		answered := map[int]bool{}
		for name, provoke := range provocations(t) {
			w := provoke(example(path, item.Get))
			answered[w.Code] = true
			if err := fits(item.Get, w); err != nil {
				t.Errorf("%s, %s: %d: %v\n%.500s", path, name, w.Code, err, w.Body)
			}
		}
		want := slices.Sorted(maps.Keys(item.Get.Responses.StatusCodeResponses))
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(answered))); d != "" {
			t.Errorf("%s: documented (-), answered (+):\n%s", path, d)
		}
	}
}

// fits returns what of an answer is not as the document says.
func fits(op *spec3.Operation, w *httptest.ResponseRecorder) error {
	response := op.Responses.StatusCodeResponses[w.Code]
	if response == nil {
		return errors.New("the code is not documented")
	}
	for name, header := range response.Headers {
		if header.Required && w.Header().Get(name) == "" {
			return fmt.Errorf("there is no %s", name)
		}
	}
	media, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		return err
	}
	content := response.Content[media]
	switch {
	case content == nil:
		return fmt.Errorf("%s is not documented", media)
	case media == mediaJSON:
		return strict(content.Schema, w.Body.Bytes())
	case media == mediaNDJSON:
		return linesFit(content, w.Body.Bytes())
	case media == mediaSSE:
		return blocksFit(content, w.Body, map[string]bool{})
	}
	return nil
}

// TestEventsOfAllTypesAreDocumented: none is taken for another.
func TestEventsOfAllTypesAreDocumented(t *testing.T) {
	schemas := document(t).Components.Schemas
	page := decode[Page](t, request(whole(nil), "GET", "/api/v1/events"))
	seen := []watch.EventType{}
	for _, ev := range page.Items {
		data, err := marshalLine(ev)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(seen, ev.Type) {
			seen = append(seen, ev.Type)
		}
		for name, is := range map[string]bool{
			"ObjectEvent": ev.Gap == nil && ev.Finding == nil, "GapEvent": ev.Gap != nil, "FindingEvent": ev.Finding != nil,
		} {
			if err := strict(schemas[name], data); (err == nil) != is {
				t.Errorf("%s as a %s: %v", data, name, err)
			}
		}
	}
	if d := cmp.Diff(watch.EventTypes(), seen); d != "" {
		t.Errorf("not all types: %s", d)
	}
}

// TestStrictnessIsStrict: what the other tests rely on.
func TestStrictnessIsStrict(t *testing.T) {
	schemas := document(t).Components.Schemas
	data := request(whole(nil), "GET", "/api/v1/findings").Body.Bytes()
	for name, test := range map[string]struct {
		old, new string
		fits     bool
	}{
		"nothing is changed":   {"", "", true},
		"a field is unknown":   {`"path"`, `"more":1,"path"`, false},
		"a field is missing":   {`"path"`, `"path2"`, false},
		"a list is null":       {`"samples":[]`, `"samples":null`, false},
		"a word is unknown":    {`"high"`, `"higher"`, false},
		"a number is a string": {`"count":1`, `"count":"1"`, false},
		"a number is broken":   {`"count":1`, `"count":1.5`, false},
	} {
		changed := bytes.Replace(data, []byte(test.old), []byte(test.new), 1)
		if err := strict(schemas["FindingList"], changed); (err == nil) != test.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	h := whole(nil)
	w := request(h, "GET", "/api/v1/openapi.json")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != mediaJSON || w.Body.String() != openAPIDocument {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for target, code := range map[string]int{"/api/v1/openapi.json?x=1": 400, "/api/v1/openapi": 404} {
		if w := request(h, "GET", target); w.Code != code || decode[metav1.Status](t, w).Code != int32(code) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}
