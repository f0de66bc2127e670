package watch

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	restwatch "k8s.io/client-go/rest/watch"
)

const (
	widget = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"annotations":{"a":"b"},"generation":3,` +
		`"managedFields":[{"manager":"m"}],"name":"x","namespace":"web","resourceVersion":"7","uid":"u"},"spec":{"text":"{\"}"}}`
	bookmark = `{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"resourceVersion":"9",` +
		`"creationTimestamp":null,"annotations":{"k8s.io/initial-events-end":"true","x":"y"}}}`
	tooOldStatus = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","reason":"Expired","code":410}`
)

// decodeAll decodes a stream as client-go does.
func decodeAll(r io.Reader) ([]apiwatch.Event, error) {
	info := rawCodec{}.SupportedMediaTypes()[0]
	frames := info.StreamSerializer.NewFrameReader(io.NopCloser(r))
	d := restwatch.NewDecoder(streaming.NewDecoder(frames, info.StreamSerializer.Serializer), info.Serializer)
	var events []apiwatch.Event
	for {
		typ, obj, err := d.Decode()
		if err != nil {
			return events, err
		}
		events = append(events, apiwatch.Event{Type: typ, Object: obj})
	}
}

func TestDecodeWatch(t *testing.T) {
	large := strings.Replace(widget, `"text":"`, `"text":"`+strings.Repeat("lorem ipsum ", 5000), 1)
	stream := `{"type":"ADDED","object":` + widget + "}\n" +
		`{"object":` + widget + `, "type" : "MODIFIED"}` +
		"\n\n" + `{"type":"DELETED","object":` + large + "}\n" +
		`{"type":"BOOKMARK","object":` + bookmark + "}\n" +
		`{"type":"ERROR","object":` + tooOldStatus + "}\n"
	meta := map[string]any{"name": "x", "namespace": "web", "resourceVersion": "7", "uid": "u", "generation": int64(3), "annotations": map[string]any{}}
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(stream), "byte by byte": iotest.OneByteReader(strings.NewReader(stream))} {
		t.Run(name, func(t *testing.T) {
			events, err := decodeAll(r)
			if !errors.Is(err, io.EOF) || len(events) != 5 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			for i, want := range []struct {
				typ  apiwatch.EventType
				json string
			}{{apiwatch.Added, widget}, {apiwatch.Modified, widget}, {apiwatch.Deleted, large}} {
				u := events[i].Object.(*unstructured.Unstructured)
				if events[i].Type != want.typ || string(rawOf(u).json) != want.json || !rawOf(u).clean {
					t.Errorf("%d: %v", i, events[i])
				}
				if d := cmp.Diff(meta, u.Object["metadata"]); d != "" {
					t.Error(d)
				}
			}
			u := events[3].Object.(*unstructured.Unstructured)
			if events[3].Type != apiwatch.Bookmark || u.GetResourceVersion() != "9" || u.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" {
				t.Error(u)
			}
			if s, ok := events[4].Object.(*metav1.Status); !ok || s.Code != 410 || s.Reason != metav1.StatusReasonExpired {
				t.Error(events[4])
			}
		})
	}
}

// TestDecodeNonsense: a stream that is damaged is an error, and never an event.
func TestDecodeNonsense(t *testing.T) {
	good := `{"type":"ADDED","object":` + widget + "}\n"
	for name, bad := range map[string]string{
		"cut in the middle":     good[:len(good)/2],
		"cut before the end":    good[:len(good)-2],
		"no JSON":               "<html>",
		"no object":             `{"type":"ADDED","object":[]}`,
		"no metadata":           `{"type":"ADDED","object":{"kind":"Widget"}}`,
		"metadata of odd shape": `{"type":"ADDED","object":{"metadata":[]}}`,
		"a name of odd shape":   `{"type":"ADDED","object":{"metadata":{"name":{}}}}`,
		"unknown type":          `{"type":"CHANGED","object":` + widget + "}",
		"something else":        `"ADDED"`,
	} {
		events, err := decodeAll(strings.NewReader(good + bad))
		if err == nil || errors.Is(err, io.EOF) || len(events) != 1 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
		}
	}
}

// TestSecretsAreNotClean: only what is proven to hold no secret stays JSON.
func TestSecretsAreNotClean(t *testing.T) {
	u, err := sketchOf([]byte(strings.Replace(widget, `"text"`, `"password"`, 1)))
	if err != nil || rawOf(u).clean {
		t.Errorf("%v, %v", rawOf(u).clean, err)
	}
}
