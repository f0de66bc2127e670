package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/pkg/store"
)

func linesFit(content *spec3.MediaType, body []byte) error {
	schema, err := schemaOf(content.Extensions["x-line"])
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return errors.New("there are no lines")
	}
	for line := range bytes.Lines(body) {
		if err := strict(schema, line); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

// blocksFit reads a stream to its end, and notes the names of its blocks.
func blocksFit(content *spec3.MediaType, body io.Reader, seen map[string]bool) error {
	stream := newMessages(body)
	for m, err := stream.next(); err == nil; m, err = stream.next() {
		if err := blockFits(content, m, seen); err != nil {
			return err
		}
	}
	return nil
}

func blockFits(content *spec3.MediaType, m message, seen map[string]bool) error {
	name := m.event
	if name == "" {
		name = "message"
	}
	seen[name] = true
	forms := content.Extensions["x-blocks"].(map[string]any)
	if forms[name] == nil {
		return fmt.Errorf("a block %s is not documented", name)
	}
	schema, err := schemaOf(forms[name])
	if err == nil {
		err = strict(schema, []byte(m.data))
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", name, m.data, err)
	}
	return nil
}

// schemaOf reads a schema at a place where the library expects anything.
func schemaOf(v any) (*spec.Schema, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	s := &spec.Schema{}
	return s, json.Unmarshal(data, s)
}

// TestBlocksAreDocumented: every block that a stream can send is, and no other.
func TestBlocksAreDocumented(t *testing.T) {
	events := document(t).Paths.Paths["/api/v1/events"].Get.Responses.StatusCodeResponses[http.StatusOK]
	content, seen := events.Content[mediaSSE], map[string]bool{}
	take := func(m message, err error) {
		t.Helper()
		if err == nil {
			err = blockFits(content, m, seen)
		}
		if err != nil {
			t.Error(err)
		}
	}
	take(again(t, &unwell{damaged: []uint64{1003}}).stream(t, "", "Last-Event-ID", "1002").next())
	m := again(t, &unwell{end: &store.ExpiredError{Oldest: 1008}}).stream(t, "", "Last-Event-ID", "1009")
	take(m.next())
	take(m.next())
	h := whole(nil)
	h.EndStreams()
	if err := blocksFit(content, request(h, "GET", "/api/v1/events?watch=true").Body, seen); err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	s := &stream{w: newDeadlineWriter(w)}
	if err := s.denied(access.ErrUnauthenticated); !errors.Is(err, errEnded) {
		t.Fatal(err)
	}
	take(newMessages(w.Body).next())
	want := slices.Sorted(maps.Keys(content.Extensions["x-blocks"].(map[string]any)))
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(seen))); d != "" {
		t.Errorf("documented (-), sent (+):\n%s", d)
	}
}

// TestDamageIsDocumented: a page that is not complete without what cannot be read.
func TestDamageIsDocumented(t *testing.T) {
	w := request(again(t, &unwell{damaged: []uint64{1003}}).handler, "GET", "/api/v1/events")
	if page := decode[Page](t, w); len(page.Damaged) != 1 {
		t.Fatalf("%+v", page)
	}
	if err := fits(document(t).Paths.Paths["/api/v1/events"].Get, w); err != nil {
		t.Error(err)
	}
}
