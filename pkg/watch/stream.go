package watch

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// Resource implements dynamic.Interface.
func (f *feed) Resource(gvr schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return feedResource{f.clients.list.Resource(gvr), f}
}

// feedResource replaces the two methods that an informer uses. The feed knows its
// resource and namespace itself.
type feedResource struct {
	dynamic.NamespaceableResourceInterface
	feed *feed
}

// Namespace implements dynamic.NamespaceableResourceInterface.
func (r feedResource) Namespace(string) dynamic.ResourceInterface {
	return r
}

// List implements dynamic.ResourceInterface. A reflector lists only when it cannot
// watch, and it always can.
func (r feedResource) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	return nil, errors.New("listing through a feed, which only watches")
}

// Watch implements dynamic.ResourceInterface. It does not block: whatever has to be
// waited for is waited for behind the stream that it returns.
func (r feedResource) Watch(ctx context.Context, opts metav1.ListOptions) (apiwatch.Interface, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{events: make(chan apiwatch.Event), cancel: cancel}
	p := &pump{feed: r.feed, out: s.events, window: make(chan struct{}, maxUnseenMarks)}
	if opts.SendInitialEvents == nil || !*opts.SendInitialEvents {
		p.synced = true
		r.feed.reached(opts.ResourceVersion)
	} else {
		r.feed.listed.Store(0)
		r.feed.host.listBegins()
	}
	r.feed.pumps.Go(func() {
		defer close(s.events)
		p.run(ctx)
	})
	return s, nil
}

// stream is the watch that the reflector holds.
type stream struct {
	events chan apiwatch.Event
	cancel context.CancelFunc
}

// Stop implements watch.Interface. It does not wait for the pump: the monitor does.
func (s *stream) Stop() {
	s.cancel()
}

// ResultChan implements watch.Interface.
func (s *stream) ResultChan() <-chan apiwatch.Event {
	return s.events
}
