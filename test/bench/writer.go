package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/synth"
)

const (
	// writeWidth keeps two cores busy.
	writeWidth = 16
	// The two managers of every object.
	creator, observer = "crossplane-composed", "provider-controller"
)

var crdGVR = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// writer fills an API server.
type writer struct {
	*bench
	client    dynamic.Interface
	discovery *discovery.DiscoveryClient
}

// create writes the CRDs and notes how large their JSON is.
func (w *writer) create(ctx context.Context, scenario string, kinds []*synth.Kind, sizes []int) error {
	done := w.progress(ctx, scenario+": created %d of %d CRDs", len(kinds))
	defer done.stop()
	return each(ctx, len(kinds), func(ctx context.Context, i int) error {
		crd := kinds[i].Definition()
		data, err := json.Marshal(crd)
		if err != nil {
			return err
		}
		sizes[i] = len(data)
		_, err = w.client.Resource(crdGVR).Create(ctx, crd, metav1.CreateOptions{FieldManager: creator})
		// With --keep, an earlier run that was cut off may have left it.
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating CRD %s: %w", crd.GetName(), err)
		}
		done.Add(1)
		return nil
	})
}

// served waits until the API server says that it serves every CRD's objects. It asks
// seldom: an API server needs its time to establish thousands of CRDs.
func (w *writer) served(ctx context.Context, scenario string, kinds []*synth.Kind) error {
	const poll, patience = 2 * time.Second, time.Hour
	done := w.progress(ctx, scenario+": %d of %d CRDs are served", len(kinds))
	defer done.stop()
	return wait.PollUntilContextTimeout(ctx, poll, patience, true, func(context.Context) (bool, error) {
		_, served, _, err := w.discovery.GroupsAndMaybeResources()
		if err != nil {
			return false, fmt.Errorf("asking what is served: %w", err)
		}
		n := 0
		for _, k := range kinds {
			if serves(served[k.GVR().GroupVersion()], k.GVR().Resource) {
				n++
			}
		}
		done.Store(int64(n))
		return n == len(kinds), nil
	})
}

func serves(list *metav1.APIResourceList, resource string) bool {
	return list != nil && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource })
}

// objects writes n objects, evenly over the kinds: one manager creates each, another
// updates its status.
func (w *writer) objects(ctx context.Context, kinds []*synth.Kind, n int) (synth.Share, error) {
	done := w.progress(ctx, objectsScenario+": wrote %d of %d objects", n)
	defer done.stop()
	var mu sync.Mutex
	var sum synth.Share
	err := each(ctx, n, func(ctx context.Context, i int) error {
		share, err := w.object(ctx, kinds[i%len(kinds)], uint64(i/len(kinds)))
		done.Add(1)
		mu.Lock()
		defer mu.Unlock()
		sum = sum.Add(share)
		return err
	})
	return sum, err
}

func (w *writer) object(ctx context.Context, kind *synth.Kind, n uint64) (synth.Share, error) {
	object, status, share := kind.Object(n)
	client := w.client.Resource(kind.GVR())
	created, err := client.Create(ctx, object, metav1.CreateOptions{FieldManager: creator})
	if apierrors.IsAlreadyExists(err) {
		created, err = client.Get(ctx, object.GetName(), metav1.GetOptions{})
	}
	if err != nil {
		return share, fmt.Errorf("creating %s %s: %w", kind.GVR().Resource, object.GetName(), err)
	}
	created.Object["status"] = status
	if _, err := client.UpdateStatus(ctx, created, metav1.UpdateOptions{FieldManager: observer}); err != nil {
		return share, fmt.Errorf("updating the status of %s %s: %w", kind.GVR().Resource, object.GetName(), err)
	}
	return share, nil
}

// each calls f for 0 … n-1, several at a time, until one fails.
func each(ctx context.Context, n int, f func(context.Context, int) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(writeWidth)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return f(inner, i) })
	}
	return cmp.Or(g.Wait(), ctx.Err())
}

// counter says from time to time how far something is.
type counter struct {
	atomic.Int64
	stop func()
}

func (b *bench) progress(ctx context.Context, format string, total int) *counter {
	const often = 10 * time.Second
	ctx, cancel := context.WithCancel(ctx)
	c := &counter{}
	started := time.Now()
	var saying sync.WaitGroup
	c.stop = func() {
		cancel()
		saying.Wait()
		b.say(format+" in %s", c.Load(), total, time.Since(started).Round(time.Second))
	}
	saying.Go(func() {
		tick := time.NewTicker(often)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.say(format, c.Load(), total)
			case <-ctx.Done():
				return
			}
		}
	})
	return c
}
