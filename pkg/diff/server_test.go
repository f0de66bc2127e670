package diff

import (
	"errors"
	"maps"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// server is one object of kindsSchema behind the field manager of the API server,
// which writes its managedFields. It takes requests like the handler of custom
// resources with a status subresource, if apart, or without.
type server struct {
	t      *testing.T
	apart  bool
	main   *managedfields.FieldManager
	status *managedfields.FieldManager
	live   *unstructured.Unstructured
}

func newServer(t *testing.T, apart bool) *server {
	types := serverTypes(t, "kind.openapi.json")
	manager := func(subresource string, reset ...fieldpath.Path) *managedfields.FieldManager {
		sets := map[fieldpath.APIVersion]*fieldpath.Set{"example.com/v1": fieldpath.NewSet(reset...)}
		m, err := managedfields.NewDefaultCRDFieldManager(types, fakes{}, fakes{}, fakes{},
			kind, kind.GroupVersion(), subresource, fieldpath.NewExcludeFilterSetMap(sets))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s := &server{t: t, apart: apart, main: manager(""), live: empty()}
	if apart {
		s.main = manager("", fieldpath.MakePathOrDie("status"))
		s.status = manager("status", fieldpath.MakePathOrDie("metadata"), fieldpath.MakePathOrDie("spec"))
	}
	return s
}

func empty() *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(kind)
	u.SetName("x")
	return u
}

// update replaces the given sections of the object; null removes one.
func (s *server) update(manager, sections string) {
	s.t.Helper()
	s.put(s.main, manager, s.with(sections, "status"))
}

func (s *server) updateStatus(manager, sections string) {
	s.t.Helper()
	s.put(s.status, manager, s.with(sections, "spec", "metadata"))
}

// with returns the live object with other sections, but for those that a request to
// this subresource cannot change.
func (s *server) with(sections string, reset ...string) *unstructured.Unstructured {
	obj := s.live.DeepCopy()
	for name, v := range parse(s.t, sections) {
		switch {
		case name == "metadata":
			maps.Copy(obj.Object["metadata"].(map[string]any), v.(map[string]any))
		case v == nil:
			delete(obj.Object, name)
		default:
			obj.Object[name] = v
		}
	}
	for _, name := range reset {
		if s.apart {
			restore(obj.Object, s.live.Object, name)
		}
	}
	return obj
}

func restore(obj, from map[string]any, name string) {
	delete(obj, name)
	if v, ok := from[name]; ok {
		obj[name] = v
	}
}

func (s *server) put(m *managedfields.FieldManager, manager string, obj *unstructured.Unstructured) {
	s.t.Helper()
	out, err := m.Update(s.live, obj, manager)
	if err != nil {
		s.t.Fatal(err)
	}
	s.live = out.(*unstructured.Unstructured)
}

// apply is server-side apply by force.
func (s *server) apply(manager, sections string) {
	s.t.Helper()
	obj := empty()
	maps.Copy(obj.Object, parse(s.t, sections))
	out, err := s.main.Apply(s.live, obj, manager, true)
	if err != nil {
		s.t.Fatal(err)
	}
	s.live = out.(*unstructured.Unstructured)
}

// content is the object as a watch delivers it.
func (s *server) content() map[string]any {
	text, err := s.live.MarshalJSON()
	if err != nil {
		s.t.Fatal(err)
	}
	return parse(s.t, string(text))
}

// later lets time pass: that of managedFields has a resolution of one second.
func later() { <-time.After(2 * time.Second) }

// fakes are the parts of a field manager that a type with one version has no use for.
type fakes struct{}

func (fakes) Convert(in, out, context any) error { return errors.New("not one version") }
func (fakes) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}
func (fakes) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
func (fakes) Default(runtime.Object) {}
func (fakes) New(schema.GroupVersionKind) (runtime.Object, error) {
	return empty(), nil
}
