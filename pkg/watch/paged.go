package watch

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// pageSize is the number of objects that an API server without WatchList is asked
// for at once. They are all decoded at the same time.
const pageSize = 500

// pagedWatch makes, of pages and a watch, what an API server with WatchList sends:
// the objects that exist as ADDED, a bookmark, then the changes.
type pagedWatch struct {
	events chan apiwatch.Event
	cancel context.CancelFunc
}

// newPagedWatch starts a pagedWatch with the objects as they were at a
// resourceVersion, or as they are now if that is empty. Errors come as events.
func newPagedWatch(ctx context.Context, f *feed, t target, timeout int64, at string) *pagedWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &pagedWatch{events: make(chan apiwatch.Event), cancel: cancel}
	f.pumps.Go(func() {
		defer close(w.events)
		w.run(ctx, f, t, timeout, at)
	})
	return w
}

// Stop implements watch.Interface.
func (w *pagedWatch) Stop() {
	w.cancel()
}

// ResultChan implements watch.Interface.
func (w *pagedWatch) ResultChan() <-chan apiwatch.Event {
	return w.events
}

func (w *pagedWatch) run(ctx context.Context, f *feed, t target, timeout int64, at string) {
	opts := metav1.ListOptions{Limit: pageSize, LabelSelector: t.scope.LabelSelector, FieldSelector: t.scope.FieldSelector}
	if at != "" {
		opts.ResourceVersion, opts.ResourceVersionMatch = at, metav1.ResourceVersionMatchExact
	}
	rv, err := w.pages(ctx, f, t, opts)
	if err != nil {
		w.fail(ctx, err)
		return
	}
	opts.Limit, opts.Continue, opts.ResourceVersion, opts.ResourceVersionMatch = 0, "", rv, ""
	opts.AllowWatchBookmarks, opts.TimeoutSeconds = true, &timeout
	changes, err := f.client(t).Watch(ctx, opts)
	if err != nil {
		w.fail(ctx, err)
		return
	}
	defer changes.Stop()
	for event := range changes.ResultChan() {
		if !w.send(ctx, event) {
			return
		}
	}
}

// pages sends all objects and the bookmark, and returns the list's resourceVersion.
func (w *pagedWatch) pages(ctx context.Context, f *feed, t target, opts metav1.ListOptions) (string, error) {
	for {
		list, err := f.lister(t).List(ctx, opts)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			item := list.Items[i]
			list.Items[i] = unstructured.Unstructured{} // not to keep the whole page for one object
			if !w.send(ctx, apiwatch.Event{Type: apiwatch.Added, Object: &item}) {
				return "", errStopped
			}
		}
		// A continue token carries its resourceVersion.
		opts.ResourceVersion, opts.ResourceVersionMatch = "", ""
		if opts.Continue = list.GetContinue(); opts.Continue == "" {
			rv := list.GetResourceVersion()
			w.send(ctx, apiwatch.Event{Type: apiwatch.Bookmark, Object: initialEventsEnd(rv)})
			return rv, nil
		}
	}
}

func (w *pagedWatch) fail(ctx context.Context, err error) {
	w.send(ctx, apiwatch.Event{Type: apiwatch.Error, Object: statusOf(err)})
}

func (w *pagedWatch) send(ctx context.Context, event apiwatch.Event) bool {
	select {
	case w.events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// initialEventsEnd is the bookmark that ends the initial objects of a WatchList.
func initialEventsEnd(rv string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"resourceVersion": rv,
		"annotations":     map[string]any{metav1.InitialEventsAnnotationKey: "true"},
	}}}
}

// statusOf makes a Status of any error, as an error event must carry one.
func statusOf(err error) runtime.Object {
	if status, ok := err.(apierrors.APIStatus); ok {
		s := status.Status()
		return &s
	}
	s := apierrors.NewServiceUnavailable(err.Error()).Status()
	return &s
}
