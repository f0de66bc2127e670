package report

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// rawDocument is the document as JSON, in which no name may be there twice.
func rawDocument(t *testing.T) map[string]any {
	t.Helper()
	var raw map[string]any
	if err := jsonv2.Unmarshal([]byte(openAPIDocument), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// document is the document with what it refers to put in the place of the references.
func document(t *testing.T) *spec3.OpenAPI {
	t.Helper()
	raw := rawDocument(t)
	data, err := json.Marshal(inline(t, raw, raw))
	if err != nil {
		t.Fatal(err)
	}
	doc := &spec3.OpenAPI{}
	if err := json.Unmarshal(data, doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func inline(t *testing.T, root map[string]any, node any) any {
	t.Helper()
	switch n := node.(type) {
	case map[string]any:
		if ref, ok := n["$ref"].(string); ok {
			return inline(t, root, lookUp(t, root, ref))
		}
		out := map[string]any{}
		for name, v := range n {
			out[name] = inline(t, root, v)
		}
		return out
	case []any:
		out := []any{}
		for _, v := range n {
			out = append(out, inline(t, root, v))
		}
		return out
	}
	return node
}

// lookUp follows a JSON pointer.
func lookUp(t *testing.T, root map[string]any, ref string) any {
	t.Helper()
	var at any = root
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		next, ok := at.(map[string]any)[step]
		if !ok {
			t.Fatalf("%s leads nowhere", ref)
		}
		at = next
	}
	return at
}

// closed lets a schema allow nothing but the properties that it names. The document does
// not say so: clients must bear what a later version adds.
func closed(s spec.Schema) *spec.Schema {
	if len(s.Properties) > 0 {
		s.AdditionalProperties = &spec.SchemaOrBool{Allows: false}
	}
	properties := map[string]spec.Schema{}
	for name, p := range s.Properties {
		properties[name] = *closed(p)
	}
	s.Properties = properties
	if s.Items != nil {
		s.Items = &spec.SchemaOrArray{Schema: closed(*s.Items.Schema)}
	}
	oneOf := []spec.Schema{}
	for _, o := range s.OneOf {
		oneOf = append(oneOf, *closed(o))
	}
	s.OneOf = oneOf
	return &s
}

// strict returns what of some JSON the schema does not know, or misses.
func strict(s *spec.Schema, data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	return validate.AgainstSchema(closed(*s), v, strfmt.Default)
}

// TestDocumentIsOpenAPI: what a library for OpenAPI 3.0 reads of the document, and writes
// again, is all of it. So it has no word that the specification does not have.
func TestDocumentIsOpenAPI(t *testing.T) {
	raw := rawDocument(t)
	doc := &spec3.OpenAPI{}
	if err := json.Unmarshal([]byte(openAPIDocument), doc); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var again map[string]any
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(raw, again); d != "" {
		t.Errorf("not understood (-) or made up (+):\n%s", d)
	}
	if !strings.HasPrefix(doc.Version, "3.0.") || doc.Info.Title == "" || doc.Info.Version == "" {
		t.Errorf("%s %v", doc.Version, doc.Info)
	}
	kinds := lookUp(t, raw, "#/components").(map[string]any)
	for kind, components := range kinds {
		for name := range components.(map[string]any) {
			if kind != "securitySchemes" && !strings.Contains(openAPIDocument, `{"$ref": "#/components/`+kind+"/"+name+`"}`) {
				t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
	}
}

func TestOperationsAreComplete(t *testing.T) {
	wildcard := regexp.MustCompile(`\{(\w+)\}`)
	ids := map[string]bool{}
	for path, item := range document(t).Paths.Paths {
		op := item.Get
		if op.OperationId == "" || ids[op.OperationId] || op.Summary == "" {
			t.Errorf("%s: the ID %q is not the only one, or there is no summary", path, op.OperationId)
		}
		ids[op.OperationId] = true
		var want, got []string
		for _, m := range wildcard.FindAllStringSubmatch(path, -1) {
			want = append(want, m[1])
		}
		for _, p := range op.Parameters {
			if p.In == "path" && p.Required && p.Example != nil {
				got = append(got, p.Name)
			}
			if p.Schema == nil || p.Description == "" {
				t.Errorf("%s: %s is not described", path, p.Name)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", path, d)
		}
		for code, response := range op.Responses.StatusCodeResponses {
			if response.Description == "" || len(response.Content) == 0 {
				t.Errorf("%s: %d is not described", path, code)
			}
		}
	}
}

// TestDocumentHasAllPaths: those that are served, no more and no less.
func TestDocumentHasAllPaths(t *testing.T) {
	var served []string
	for pattern := range findingsHandler(t).routes() {
		served = append(served, strings.TrimSuffix(pattern, "{$}"))
	}
	slices.Sort(served)
	if d := cmp.Diff(served, slices.Sorted(maps.Keys(document(t).Paths.Paths))); d != "" {
		t.Errorf("served (-), documented (+):\n%s", d)
	}
}

// example is a path with the examples of its parameters.
func example(path string, op *spec3.Operation) string {
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", p.Example.(string))
		}
	}
	return path
}
