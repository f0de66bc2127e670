package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// Manager is the field manager of what Apply writes.
const Manager = "controlplane"

const (
	// servedDeadline bounds the wait for a type to be served.
	servedDeadline = 30 * time.Second
	// servedPoll is short: a CRD is established within about 100 ms.
	servedPoll = 20 * time.Millisecond
	// applyParallel is for CRDs, of which there may be thousands.
	applyParallel = 8
)

// Apply applies every document of the manifest server-side and by force, as
// Manager. Namespaces and CRDs come first, all else in the order given; it
// blocks until those CRDs are established and all objects are written. Where
// some fail it goes on, and returns the errors joined. Objects of a namespaced
// type without a namespace go to default.
func (c *ControlPlane) Apply(ctx context.Context, manifest []byte) error {
	return c.ApplyAs(ctx, Manager, manifest)
}

// ApplyAs is Apply with another field manager.
func (c *ControlPlane) ApplyAs(ctx context.Context, manager string, manifest []byte) error {
	objects, err := decode(manifest)
	if err != nil {
		return err
	}
	return c.applier.apply(ctx, manager, objects)
}

// ApplyFile is Apply of a file's content.
func (c *ControlPlane) ApplyFile(ctx context.Context, path string) error {
	return c.applyFiles(ctx, []string{path})
}

// ApplyDir is Apply of all *.yaml, *.yml and *.json files directly in dir, by
// name, as if they were one file.
func (c *ControlPlane) ApplyDir(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var paths []string
	for _, e := range entries {
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return c.applyFiles(ctx, paths)
}

func (c *ControlPlane) applyFiles(ctx context.Context, paths []string) error {
	var all []*unstructured.Unstructured
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := decode(data)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		all = append(all, objects...)
	}
	return c.applier.apply(ctx, Manager, all)
}

// applier writes objects of any type. It asks discovery for one group version
// at a time, when it first needs it: thousands of CRDs make a whole RESTMapper
// expensive to refresh.
type applier struct {
	client    dynamic.Interface
	discovery discovery.DiscoveryInterface

	mu    sync.Mutex // guards types
	types map[schema.GroupVersionKind]metav1.APIResource
}

func newApplier(client dynamic.Interface, d discovery.DiscoveryInterface) *applier {
	return &applier{client: client, discovery: d, types: make(map[schema.GroupVersionKind]metav1.APIResource)}
}

func (a *applier) apply(ctx context.Context, manager string, objects []*unstructured.Unstructured) error {
	var first, rest []*unstructured.Unstructured
	for _, o := range objects {
		if isCRD(o) || o.GroupVersionKind().GroupKind() == (schema.GroupKind{Kind: "Namespace"}) {
			first = append(first, o)
			continue
		}
		rest = append(rest, o)
	}
	errs := make([]error, len(first))
	var g errgroup.Group
	g.SetLimit(applyParallel)
	for i, o := range first {
		g.Go(func() error {
			if errs[i] = a.applyOne(ctx, manager, o); errs[i] == nil && isCRD(o) {
				errs[i] = a.waitEstablished(ctx, o.GetName())
			}
			return nil
		})
	}
	_ = g.Wait()
	for _, o := range rest {
		errs = append(errs, a.applyOne(ctx, manager, o))
	}
	return errors.Join(errs...)
}

func isCRD(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().GroupKind() == schema.GroupKind{Group: crds.Group, Kind: "CustomResourceDefinition"}
}

var crds = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// applyOne waits for the type to be served, as long as its CRD is new.
func (a *applier) applyOne(ctx context.Context, manager string, o *unstructured.Unstructured) error {
	gvk := o.GroupVersionKind()
	var last error
	err := wait.PollUntilContextTimeout(ctx, servedPoll, servedDeadline, true, func(ctx context.Context) (bool, error) {
		var client dynamic.ResourceInterface
		if client, last = a.resource(gvk, o.GetNamespace()); last == nil {
			_, last = client.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: manager, Force: true})
		}
		if apierrors.IsNotFound(last) && !isMissingNamespace(last) {
			// Not served, or no longer at the scope that we remember.
			a.forget(gvk)
			return false, nil
		}
		return true, last
	})
	if wait.Interrupted(err) && last != nil {
		err = last
	}
	if err != nil {
		return fmt.Errorf("applying %s %s: %w", gvk.Kind, o.GetName(), err)
	}
	return nil
}

// isMissingNamespace tells the one NotFound that no waiting cures.
func isMissingNamespace(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "namespaces"
}

// resource returns the client for a type; NotFound if it is not served.
func (a *applier) resource(gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	r, err := a.lookup(gvk)
	if err != nil {
		return nil, err
	}
	client := a.client.Resource(gvk.GroupVersion().WithResource(r.Name))
	if !r.Namespaced {
		return client, nil
	}
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return client.Namespace(namespace), nil
}

func (a *applier) lookup(gvk schema.GroupVersionKind) (metav1.APIResource, error) {
	a.mu.Lock()
	r, ok := a.types[gvk]
	a.mu.Unlock()
	if ok {
		return r, nil
	}
	list, err := a.discovery.ServerResourcesForGroupVersion(gvk.GroupVersion().String())
	if err != nil {
		return r, err
	}
	for _, r := range list.APIResources {
		// Subresources repeat their parent's kind.
		if r.Kind == gvk.Kind && filepath.Base(r.Name) == r.Name {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.types[gvk] = r
			return r, nil
		}
	}
	return r, apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, "")
}

func (a *applier) forget(gvk schema.GroupVersionKind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.types, gvk)
}
