package main

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// selection is what of the cluster the user wants to see.
type selection struct {
	types            []string // TYPE or TYPE/NAME
	namespace        string
	labels           string
	groups, excludes []string
	// files: the CRDs are from files, not from a cluster.
	files bool
}

// validate finds the mistakes that need no cluster.
func (s *selection) validate() error {
	for flag, globs := range map[string][]string{"--group": s.groups, "--exclude": s.excludes} {
		for _, g := range globs {
			if _, err := path.Match(g, ""); err != nil {
				return fmt.Errorf("%s: %q is no valid glob", flag, g)
			}
		}
	}
	if _, err := labels.Parse(s.labels); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	for _, t := range s.types {
		if name, object, ok := strings.Cut(t, "/"); name == "" || ok && (object == "" || strings.Contains(object, "/")) {
			return fmt.Errorf("%q is neither TYPE nor TYPE/NAME", t)
		}
	}
	return nil
}

// selected is a selection resolved against the CRDs of a cluster.
type selected struct {
	selection
	// names are, for each CRD that a TYPE means, the objects wanted; an empty list
	// means all. Nil without any TYPE: then everything is wanted.
	names map[string][]string
}

// crdName is the CRDs' own name as a type.
const crdName = "customresourcedefinitions.apiextensions.k8s.io"

// resolve finds the CRDs that each TYPE means.
func (s *selection) resolve(set discovery.Set) (*selected, error) {
	out := &selected{selection: *s}
	if len(s.types) == 0 {
		return out, nil
	}
	out.names = map[string][]string{}
	known := append(set.Sorted(), discovery.CRDs())
	for _, t := range s.types {
		name, object, _ := strings.Cut(t, "/")
		found := matching(known, name)
		if len(found) == 0 {
			return nil, s.unknownType(set.Sorted(), name)
		}
		for _, crd := range found {
			out.add(crd, object)
		}
	}
	return out, nil
}

// resolver is resolve for a Manager, which calls it before the first event. It tells
// chosen what was selected.
func (s *selection) resolver(chosen func(*selected)) func(discovery.Set) (watch.Selector, error) {
	return func(set discovery.Set) (watch.Selector, error) {
		out, err := s.resolve(set)
		if err != nil {
			return nil, err
		}
		chosen(out)
		return out.selector, nil
	}
}

func (s *selected) add(crd, object string) {
	names, ok := s.names[crd]
	switch {
	case object == "" || ok && len(names) == 0:
		s.names[crd] = []string{}
	case !slices.Contains(names, object):
		s.names[crd] = append(names, object)
	}
}

// matching returns the CRDs that a TYPE means, as kubectl understands it. Where
// several groups have the same short name, it means all of them.
func matching(known []discovery.Resource, typ string) []string {
	var found []string
	for _, r := range known {
		if means(r, strings.ToLower(typ)) {
			found = append(found, r.CRD)
		}
	}
	return slices.Compact(found)
}

func means(r discovery.Resource, typ string) bool {
	for _, name := range namesOf(r) {
		if typ == name || typ == name+"."+r.GVR.Group {
			return true
		}
		for _, version := range r.ServedVersions {
			if typ == name+"."+version+"."+r.GVR.Group {
				return true
			}
		}
	}
	return slices.Contains(r.Categories, typ)
}

func namesOf(r discovery.Resource) []string {
	return append([]string{r.GVR.Resource, r.Singular, strings.ToLower(r.Kind)}, r.ShortNames...)
}

// unknownType names what the user may have meant, of the custom resources.
func (s *selection) unknownType(known []discovery.Resource, typ string) error {
	nearest := strings.Join(nearestTypes(known, typ), ", ")
	switch {
	case s.files && len(known) == 0:
		return fmt.Errorf("the files have no CRD of a type %q, nor any other", typ)
	case s.files:
		return fmt.Errorf("the files have no CRD of a type %q; the nearest are: %s", typ, nearest)
	case len(known) == 0:
		return fmt.Errorf("the cluster has no custom resource type %q, nor any other", typ)
	}
	return fmt.Errorf("the cluster has no custom resource type %q; the nearest are: %s (crdwatch crds lists all)", typ, nearest)
}

// nearestTypes returns the three types whose names are the most like typ.
func nearestTypes(known []discovery.Resource, typ string) []string {
	distance := map[string]int{}
	for _, r := range known {
		best := levenshtein.ComputeDistance(typ, r.CRD)
		for _, name := range namesOf(r) {
			best = min(best, levenshtein.ComputeDistance(strings.ToLower(typ), name))
		}
		distance[r.CRD] = best
	}
	nearest := slices.SortedFunc(maps.Keys(distance), func(a, b string) int {
		return cmp.Or(cmp.Compare(distance[a], distance[b]), cmp.Compare(a, b))
	})
	return nearest[:min(3, len(nearest))]
}

// selector is the selection as the Manager wants it.
func (s *selected) selector(r discovery.Resource) (watch.Scope, bool) {
	if !s.wantsCRD(r.CRD) || s.namespace != "" && !r.Namespaced && s.names == nil {
		return watch.Scope{}, false
	}
	scope := watch.Scope{LabelSelector: s.labels}
	if r.Namespaced {
		scope.Namespace = s.namespace
	}
	if names := s.names[r.CRD]; len(names) == 1 {
		scope.FieldSelector = "metadata.name=" + names[0]
	}
	return scope, true
}

// wantsCRD applies TYPEs and globs to plural.group.
func (s *selected) wantsCRD(name string) bool {
	if s.names != nil {
		if _, ok := s.names[name]; !ok {
			return false
		}
	}
	if len(s.groups) > 0 && !matchesAny(s.groups, name) {
		return false
	}
	return !matchesAny(s.excludes, name)
}

func matchesAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(g string) bool {
		ok, _ := path.Match(g, name)
		return ok
	})
}

// wants decides on an event: the Manager already watches only what is selected,
// except for the CRDs, all of which it must know.
func (s *selected) wants(e *watch.Event) bool {
	if e.Resource.Name() != crdName {
		names := s.names[e.Resource.Name()]
		return e.Type == watch.Gap || len(names) == 0 || slices.Contains(names, e.Name)
	}
	if names, ok := s.names[crdName]; ok {
		return len(names) == 0 || slices.Contains(names, e.Name)
	}
	// The change of a CRD concerns whoever looks at all of its objects.
	return s.names == nil && s.namespace == "" && s.labels == "" && (e.Type == watch.Gap || s.wantsCRD(e.Name))
}

func joinKeys[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
