package lookup

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// kind is a type that the API server serves.
type kind struct {
	gvr        schema.GroupVersionResource
	kind       string
	namespaced bool
}

// versions are those of a group, the preferred one first.
type versions struct {
	names []string
	err   error
}

// resources are those of a group and version.
type resources struct {
	list []metav1.APIResource
	err  error
}

// resolve finds the type that a question names; nil: it is not served. Group by group,
// so that one broken extension API server keeps only its own types from being found.
func (l *Lookup) resolve(ctx context.Context, q audit.Question) (*kind, error) {
	names := []string{q.Version}
	if q.Version == "" {
		found, err := l.versions.value(ctx, q.Group, func() versions { return l.readVersions(ctx, q.Group) })
		if err != nil {
			return nil, err
		}
		if found.err != nil {
			return nil, served(found.err)
		}
		names = found.names
	}
	var failed error
	for _, name := range names {
		gv := schema.GroupVersion{Group: q.Group, Version: name}
		found, err := l.resources.value(ctx, gv, func() resources { return l.readResources(ctx, gv) })
		if err != nil {
			return nil, err
		}
		if k := matching(gv, found.list, q); k != nil {
			return k, nil
		}
		if err := served(found.err); err != nil {
			failed = err
		}
	}
	return nil, failed
}

// served takes the error that says that something is not served for none.
func served(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// matching returns the type of a list that a question names, or nil.
func matching(gv schema.GroupVersion, list []metav1.APIResource, q audit.Question) *kind {
	i := slices.IndexFunc(list, func(r metav1.APIResource) bool {
		return !strings.Contains(r.Name, "/") && // a subresource
			(q.Resource == "" || q.Resource == r.Name) && (q.Kind == "" || q.Kind == r.Kind)
	})
	if i < 0 {
		return nil
	}
	return &kind{gvr: gv.WithResource(list[i].Name), kind: list[i].Kind, namespaced: list[i].Namespaced}
}

func (l *Lookup) readVersions(ctx context.Context, group string) versions {
	if group == "" {
		return versions{names: []string{"v1"}}
	}
	found := &metav1.APIGroup{}
	if err := l.read(ctx, "/apis/"+group, found); err != nil {
		return versions{err: err}
	}
	var names []string
	for _, v := range found.Versions {
		names = append(names, v.Version)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch preferred := found.PreferredVersion.Version; {
		case a == b:
			return 0
		case a == preferred:
			return -1
		case b == preferred:
			return 1
		}
		return 0
	})
	return versions{names: names}
}

func (l *Lookup) readResources(ctx context.Context, gv schema.GroupVersion) resources {
	path := "/apis/" + gv.String()
	if gv.Group == "" {
		path = "/api/" + gv.Version
	}
	found := &metav1.APIResourceList{}
	err := l.read(ctx, path, found)
	return resources{list: found.APIResources, err: err}
}

func (l *Lookup) read(ctx context.Context, path string, into runtime.Object) error {
	_, err := watch.Persist(ctx, l.pause, func(ctx context.Context) error {
		return l.clients.Discovery().Get().AbsPath(path).Do(ctx).Into(into)
	})
	return err
}
