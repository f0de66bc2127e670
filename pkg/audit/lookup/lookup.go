// Package lookup answers the questions of audit rules with what the API server says.
//
// It owns the way from an audit.Question to requests, and remembers answers. It only
// reads, and judges nothing: what may not be read is Unknown, never Absent.
package lookup

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// pageSize is the number of objects that a LIST asks for at once.
	pageSize = 500
	// restarts is how often a list whose continue token expired is begun again.
	restarts = 2
	// firstPause is the wait before a failed request is made again.
	firstPause = 250 * time.Millisecond
)

// Options of a Lookup. The zero Options remember every answer for ever.
type Options struct {
	// TTL is how long an answer holds; 0: for as long as the Lookup.
	TTL time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Lookup answers questions, each only once for a time. It is safe for concurrent use.
type Lookup struct {
	clients *watch.Clients
	pause   time.Duration

	answers   *cache[audit.Question, audit.Answer]
	versions  *cache[string, versions]
	resources *cache[schema.GroupVersion, resources]
}

// New returns a Lookup that reads through the clients.
func New(clients *watch.Clients, o Options) *Lookup {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Lookup{
		clients: clients, pause: firstPause,
		answers:   newCache[audit.Question, audit.Answer](o.TTL, o.Now),
		versions:  newCache[string, versions](o.TTL, o.Now),
		resources: newCache[schema.GroupVersion, resources](o.TTL, o.Now),
	}
}

// Answer answers a question. It blocks until the API server has answered, or three
// attempts have failed, or ctx ends.
//
// Namespaced is filled in whenever the type is served, be the object Absent. The
// namespace of a question about a cluster-scoped type is not looked at. Objects are
// redacted; they have their own apiVersion and kind, though only metadata was asked for.
func (l *Lookup) Answer(ctx context.Context, q audit.Question) audit.Answer {
	a, err := l.answers.value(ctx, q, func() audit.Answer { return l.find(ctx, q) })
	if err != nil {
		return audit.Answer{Message: fmt.Sprintf("looking up %s: %v", describe(q), err)}
	}
	return a
}

// find answers a question without looking at earlier answers.
func (l *Lookup) find(ctx context.Context, q audit.Question) audit.Answer {
	if !valid(q.Group, q.Version) {
		return audit.Answer{Outcome: audit.NotServed}
	}
	k, err := l.resolve(ctx, q)
	switch {
	case err != nil:
		return audit.Answer{Message: fmt.Sprintf("finding out whether %s is served: %v", describeType(q), err), Forbidden: apierrors.IsForbidden(err)}
	case k == nil:
		return audit.Answer{Outcome: audit.NotServed}
	}
	if !k.namespaced {
		q.Namespace = ""
	}
	single := q.Name != "" || q.Selector != ""
	switch {
	case !single && !q.All:
		return audit.Answer{Outcome: audit.Found, Namespaced: k.namespaced}
	case single && k.namespaced && q.Namespace == "", !valid(q.Name, q.Namespace):
		return audit.Answer{Outcome: audit.Absent, Namespaced: k.namespaced}
	}
	return l.fetch(ctx, k, q)
}

// valid: questions are made of what users wrote into objects, which need not be what
// can be a part of a URL's path, and then names nothing.
func valid(names ...string) bool {
	for _, name := range names {
		if len(content.IsPathSegmentName(name)) > 0 {
			return false
		}
	}
	return true
}

// fetch answers a question about objects of a type.
func (l *Lookup) fetch(ctx context.Context, k *kind, q audit.Question) audit.Answer {
	a := audit.Answer{Outcome: audit.Found, Namespaced: k.namespaced}
	_, err := watch.Persist(ctx, l.pause, func(ctx context.Context) (err error) {
		a.Objects, err = l.objects(ctx, k, q)
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		a.Outcome, a.Objects = audit.Absent, nil
	case err != nil:
		return audit.Answer{Message: fmt.Sprintf("reading %s: %v", describe(q), err), Namespaced: k.namespaced, Forbidden: apierrors.IsForbidden(err)}
	case len(a.Objects) == 0:
		a.Outcome = audit.Absent
	}
	return a
}

// objects reads what a question asks for.
func (l *Lookup) objects(ctx context.Context, k *kind, q audit.Question) ([]map[string]any, error) {
	source := source(metadataOf{l.clients.Metadata().Resource(k.gvr).Namespace(q.Namespace), k})
	if q.Whole {
		source = wholeOf{l.clients.List().Resource(k.gvr).Namespace(q.Namespace)}
	}
	if q.Name != "" {
		object, err := source.get(ctx, q.Name)
		if err != nil {
			return nil, err
		}
		return redacted([]map[string]any{object}), nil
	}
	for i := 0; ; i++ {
		found, err := list(ctx, source, q.Selector)
		if err == nil || !watch.Expired(err) || i == restarts {
			return redacted(found), err
		}
	}
}

func list(ctx context.Context, s source, selector string) ([]map[string]any, error) {
	var all []map[string]any
	opts := metav1.ListOptions{Limit: pageSize, LabelSelector: selector}
	for {
		page, next, err := s.page(ctx, opts)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if opts.Continue = next; next == "" {
			return all, nil
		}
	}
}

// redacted redacts objects by what their fields are called; what their schemas say of
// secrets is not known here.
func redacted(objects []map[string]any) []map[string]any {
	schema := diff.Deduced()
	for _, o := range objects {
		schema.Redact(o)
	}
	return objects
}

// contentOf returns the decoded JSON of metadata alone.
func contentOf(m *metav1.PartialObjectMetadata, k *kind) (map[string]any, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(m)
	if err != nil {
		return nil, fmt.Errorf("reading metadata of a %s: %w", k.kind, err)
	}
	u := unstructured.Unstructured{Object: object}
	u.SetGroupVersionKind(k.gvr.GroupVersion().WithKind(k.kind))
	return object, nil
}
