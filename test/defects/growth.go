package defects

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// records is how many objects there are once there are too many.
	records = 10_001
	// recordWriters write them at the same time.
	recordWriters = 16
)

// Large returns the defects that take thousands of objects. To plant one takes half a
// minute.
func Large() []Defect {
	return []Defect{
		ofCRD("CRD011", "records", "a controller writes an object for every event, and deletes none", grown),
	}
}

func grown(ctx context.Context, p *planter) error {
	d := one("records", "Record", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	objects := p.objects(d, "v1")
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(recordWriters)
	for i := range records {
		group.Go(func() error {
			o := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": d.gvr("v1").GroupVersion().String(), "kind": d.kind,
				"metadata": map[string]any{"name": fmt.Sprintf("event-%d", i)}, "spec": map[string]any{"title": "Started"},
			}}
			return until(ctx, func() error {
				_, err := objects.Create(ctx, o, metav1.CreateOptions{FieldManager: controller})
				return err
			})
		})
	}
	return group.Wait()
}
