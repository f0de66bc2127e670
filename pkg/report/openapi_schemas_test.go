package report

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// fieldsOf are the names that a struct has in JSON, and those of them that are always there.
func fieldsOf(typ reflect.Type) (all, always []string) {
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		all = append(all, name)
		if options == "" {
			always = append(always, name)
		}
	}
	slices.Sort(all)
	slices.Sort(always)
	return all, always
}

// TestSchemasAreTheStructs: what is made to JSON, name by name.
func TestSchemasAreTheStructs(t *testing.T) {
	schemas := document(t).Components.Schemas
	property := func(schema, name string) *spec.Schema {
		p := schemas[schema].Properties[name]
		return &p
	}
	for name, test := range map[string]struct {
		schema *spec.Schema
		typ    reflect.Type
	}{
		"ResourceList": {schemas["ResourceList"], reflect.TypeFor[ResourceList]()},
		"ResourceItem": {schemas["ResourceItem"], reflect.TypeFor[ResourceItem]()},
		"EventPage":    {schemas["EventPage"], reflect.TypeFor[Page]()},
		"Change":       {schemas["Change"], reflect.TypeFor[diff.Change]()},
		"ResourceRef":  {schemas["ResourceRef"], reflect.TypeFor[watch.ResourceRef]()},
		"gap":          {property("GapEvent", "gap"), reflect.TypeFor[watch.GapInfo]()},
		"finding":      {property("FindingEvent", "finding"), reflect.TypeFor[watch.FindingInfo]()},
		"FindingList":  {schemas["FindingList"], reflect.TypeFor[FindingList]()},
		"Finding":      {schemas["Finding"], reflect.TypeFor[audit.Finding]()},
		"Subject":      {schemas["Subject"], reflect.TypeFor[audit.Subject]()},
		"subject":      {schemas["Subject"], reflect.TypeFor[watch.FindingSubject]()},
		"Unevaluated":  {schemas["Unevaluated"], reflect.TypeFor[audit.Unevaluated]()},
	} {
		all, always := fieldsOf(test.typ)
		if d := cmp.Diff(all, slices.Sorted(maps.Keys(test.schema.Properties))); d != "" {
			t.Errorf("%s: in Go (-), in the document (+):\n%s", name, d)
		}
		if d := cmp.Diff(always, slices.Sorted(slices.Values(test.schema.Required))); d != "" {
			t.Errorf("%s: always in Go (-), required in the document (+):\n%s", name, d)
		}
	}
	all, always := fieldsOf(reflect.TypeFor[watch.Event]())
	properties := map[string]bool{}
	for _, variant := range schemas["Event"].OneOf {
		for name := range variant.Properties {
			properties[name] = true
		}
		for _, name := range always {
			if !slices.Contains(variant.Required, name) {
				t.Errorf("%s is not required of %s", name, variant.Description)
			}
		}
	}
	if d := cmp.Diff(all, slices.Sorted(maps.Keys(properties))); d != "" {
		t.Errorf("Event: in Go (-), in the document (+):\n%s", d)
	}
}

// TestDocumentHasAllWords: of each field that has few values, those values.
func TestDocumentHasAllWords(t *testing.T) {
	schemas := document(t).Components.Schemas
	of := func(schema string, path ...string) []any {
		s := *schemas[schema]
		for _, name := range path {
			s = s.Properties[name]
		}
		return s.Enum
	}
	types := []any{}
	for _, s := range schemas["Event"].OneOf {
		types = append(types, s.Properties["type"].Enum...)
	}
	severities := words(audit.Severities())
	for name, test := range map[string]struct{ want, got []any }{
		"types":          {words(watch.EventTypes()), types},
		"states":         {words(watch.States()), of("ResourceItem", "state")},
		"severities":     {severities, of("Severity")},
		"old severities": {severities, of("FindingEvent", "finding", "oldSeverity")},
		"origins":        {words([]watch.Origin{watch.Initial, watch.Live, watch.Resumed, watch.Reconciled}), of("Origin")},
		"operations":     {words([]diff.Op{diff.Add, diff.Remove, diff.Replace}), of("Change", "op")},
		"finding states": {words([]watch.FindingState{watch.FindingOpen, watch.FindingResolved}), of("FindingEvent", "finding", "state")},
		"versions":       {[]any{watch.SchemaVersion}, of("SchemaVersion")},
		"scopes":         {[]any{scope(true), scope(false)}, of("ResourceItem", "scope")},
	} {
		if d := cmp.Diff(test.want, test.got); d != "" {
			t.Errorf("%s: in Go (-), in the document (+):\n%s", name, d)
		}
	}
}

// words are some values as JSON has them.
func words[T any](values []T) []any {
	out := []any{}
	for _, v := range values {
		if s, ok := any(v).(interface{ String() string }); ok {
			out = append(out, s.String())
			continue
		}
		out = append(out, reflect.ValueOf(v).String())
	}
	return out
}
