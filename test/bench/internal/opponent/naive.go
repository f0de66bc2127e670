package opponent

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var crdGVR = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// factory is what both of client-go's informer factories can do.
type factory interface {
	ForResource(schema.GroupVersionResource) informers.GenericInformer
	Start(stop <-chan struct{})
	Shutdown()
}

// informing is a program that consists of shared informers.
type informing struct {
	factory factory
	stores  []cache.Store
	cancel  context.CancelFunc
}

// startNaive starts all informers at once when the CRDs are known.
func startNaive(ctx context.Context, t target) (running, error) {
	client, err := dynamic.NewForConfig(t.config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &informing{factory: dynamicinformer.NewDynamicSharedInformerFactory(client, 0), cancel: cancel}
	crds := p.factory.ForResource(crdGVR).Informer()
	if err := p.sync(ctx, crds); err != nil {
		return p, err
	}
	var all []cache.SharedIndexInformer
	for _, obj := range crds.GetStore().List() {
		all = append(all, p.factory.ForResource(resourceOf(obj.(*unstructured.Unstructured))).Informer())
	}
	return p, p.sync(ctx, all...)
}

// startMetadata reads the CRDs whole once, in pages that it forgets: their metadata
// alone does not say which version is served.
func startMetadata(ctx context.Context, t target) (running, error) {
	client, err := metadata.NewForConfig(t.config)
	if err != nil {
		return nil, err
	}
	resources, err := listResources(ctx, t)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &informing{factory: metadatainformer.NewSharedInformerFactory(client, 0), cancel: cancel}
	if err := p.sync(ctx, p.factory.ForResource(crdGVR).Informer()); err != nil {
		return p, err
	}
	var all []cache.SharedIndexInformer
	for _, gvr := range resources {
		all = append(all, p.factory.ForResource(gvr).Informer())
	}
	return p, p.sync(ctx, all...)
}

// sync starts informers, each with a handler that does nothing, and waits until the
// handlers have seen everything.
func (p *informing) sync(ctx context.Context, all ...cache.SharedIndexInformer) error {
	synced := make([]cache.DoneChecker, len(all))
	for i, informer := range all {
		handle, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) {}, UpdateFunc: func(any, any) {}, DeleteFunc: func(any) {},
		})
		if err != nil {
			return fmt.Errorf("adding a handler: %w", err)
		}
		synced[i] = handle.HasSyncedChecker()
		p.stores = append(p.stores, informer.GetStore())
	}
	p.factory.Start(ctx.Done())
	if !cache.WaitFor(ctx, "", synced...) {
		return fmt.Errorf("waiting for %d informers: %w", len(all), ctx.Err())
	}
	return nil
}

// count leaves out the first store, which holds the CRDs.
func (p *informing) count() (objects int, bytes int64) {
	for _, store := range p.stores[1:] {
		objects += len(store.ListKeys())
	}
	return objects, 0
}

func (p *informing) stop() {
	p.cancel()
	p.factory.Shutdown()
}

func listResources(ctx context.Context, t target) ([]schema.GroupVersionResource, error) {
	client, err := dynamic.NewForConfig(t.config)
	if err != nil {
		return nil, err
	}
	var all []schema.GroupVersionResource
	opts := metav1.ListOptions{Limit: 50}
	for {
		page, err := client.Resource(crdGVR).List(ctx, opts)
		if err != nil {
			return nil, fmt.Errorf("listing CRDs: %w", err)
		}
		for i := range page.Items {
			all = append(all, resourceOf(&page.Items[i]))
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			return all, nil
		}
	}
}

// resourceOf names the storage version of a CRD.
func resourceOf(crd *unstructured.Unstructured) schema.GroupVersionResource {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	gvr := schema.GroupVersionResource{Group: group, Resource: plural}
	versions, _, _ := unstructured.NestedFieldNoCopy(crd.Object, "spec", "versions")
	list, _ := versions.([]any)
	for _, v := range list {
		version, _ := v.(map[string]any)
		if version["storage"] == true {
			gvr.Version, _ = version["name"].(string)
		}
	}
	return gvr
}
