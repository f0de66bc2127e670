package watch

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// surveyWidth is the number of resources that a survey asks for at once.
const surveyWidth = 4

// ListCRDs reads all CRDs once, page by page.
func ListCRDs(ctx context.Context, c *Clients) (discovery.Set, error) {
	set := discovery.Set{}
	gvr := discovery.CRDs().GVR
	const page = 50 // CRDs are large
	opts := metav1.ListOptions{Limit: page}
	for {
		list, err := c.list.Resource(gvr).List(ctx, opts)
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", gvr.GroupResource(), err)
		}
		for i := range list.Items {
			r, err := discovery.Parse(&list.Items[i])
			if err != nil {
				return nil, err
			}
			set[r.Key()] = r
			list.Items[i] = unstructured.Unstructured{}
		}
		if opts.Continue = list.GetContinue(); opts.Continue == "" {
			return set, nil
		}
	}
}

// Survey counts the objects of each selected resource once, without reading them
// and without a watch. The state of a resource is what its LIST answered: Synced if
// it could be counted. Its only error is that of ctx.
func Survey(ctx context.Context, c *Clients, set discovery.Set, selected Selector) ([]Status, error) {
	var statuses []Status
	for _, r := range set.Sorted() {
		if _, ok := selected(r); ok {
			statuses = append(statuses, Status{Resource: r})
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(surveyWidth)
	for i := range statuses {
		group.Go(func() error {
			scope, _ := selected(statuses[i].Resource)
			statuses[i] = survey(ctx, c, statuses[i].Resource, scope)
			return ctx.Err()
		})
	}
	return statuses, group.Wait()
}

func survey(ctx context.Context, c *Clients, r discovery.Resource, scope Scope) Status {
	s := Status{Resource: r, State: Synced, Since: time.Now().UTC()}
	if !r.Watchable() {
		s.State, s.Reason, s.Message = NotServed, r.Unserved, r.UnservedMessage
		return s
	}
	n, err := count(ctx, c, target{gvr: r.GVR, scope: scope}, "")
	if err != nil {
		v := probeVerdict(err)
		if v.state == "" {
			v.state = Broken
		}
		s.State, s.Reason, s.Message = v.state, v.reason, v.message
	}
	s.Objects = n
	return s
}

// count asks for one object's metadata and how many remain, at a resourceVersion or
// now. The API server does not say that for a selection by labels or fields: then all
// metadata is read.
func count(ctx context.Context, c *Clients, t target, at string) (int, error) {
	opts := metav1.ListOptions{Limit: 1, LabelSelector: t.scope.LabelSelector, FieldSelector: t.scope.FieldSelector}
	if at != "" {
		opts.ResourceVersion, opts.ResourceVersionMatch = at, metav1.ResourceVersionMatchExact
	}
	n := 0
	for {
		list, err := c.metadata.Resource(t.gvr).Namespace(t.scope.Namespace).List(ctx, opts)
		if err != nil {
			return n, err
		}
		n += len(list.Items)
		if list.RemainingItemCount != nil {
			return n + int(*list.RemainingItemCount), nil
		}
		if opts.Continue = list.Continue; opts.Continue == "" {
			return n, nil
		}
		// A continue token carries its resourceVersion.
		opts.Limit, opts.ResourceVersion, opts.ResourceVersionMatch = pageSize, "", ""
	}
}
