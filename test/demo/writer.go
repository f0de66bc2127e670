package main

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// ref names an object. The namespace is empty where the type has none.
type ref struct {
	gvr             schema.GroupVersionResource
	namespace, name string
}

func (r ref) String() string {
	return fmt.Sprintf("%s %s/%s", r.gvr.GroupResource(), r.namespace, r.name)
}

// writer writes to the cluster as one field manager.
type writer struct {
	client  dynamic.Interface
	manager string
}

func (w *writer) objects(r ref) dynamic.ResourceInterface {
	if r.namespace == "" {
		return w.client.Resource(r.gvr)
	}
	return w.client.Resource(r.gvr).Namespace(r.namespace)
}

// patchSpec merges values into an object's spec.
func (w *writer) patchSpec(ctx context.Context, r ref, spec map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return err
	}
	opts := metav1.PatchOptions{FieldManager: w.manager}
	if _, err := w.objects(r).Patch(ctx, r.name, types.MergePatchType, patch, opts); err != nil {
		return fmt.Errorf("patching %s: %w", r, err)
	}
	return nil
}

// applyStatus applies the whole status of an object that was read before.
func (w *writer) applyStatus(ctx context.Context, r ref, read *unstructured.Unstructured, status map[string]any) error {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": read.GetAPIVersion(), "kind": read.GetKind(),
		// With the UID, an object that was deleted since does not come back.
		"metadata": map[string]any{"name": r.name, "uid": string(read.GetUID())},
		"status":   status,
	}}
	opts := metav1.ApplyOptions{FieldManager: w.manager, Force: true}
	if _, err := w.objects(r).ApplyStatus(ctx, r.name, o, opts); err != nil {
		return fmt.Errorf("applying the status of %s: %w", r, err)
	}
	return nil
}

func (w *writer) create(ctx context.Context, r ref, apiVersion, kind string, spec map[string]any) error {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": r.name}, "spec": spec,
	}}
	if _, err := w.objects(r).Create(ctx, o, metav1.CreateOptions{FieldManager: w.manager}); err != nil {
		return fmt.Errorf("creating %s: %w", r, err)
	}
	return nil
}

func (w *writer) remove(ctx context.Context, r ref) error {
	if err := w.objects(r).Delete(ctx, r.name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("deleting %s: %w", r, err)
	}
	return nil
}
