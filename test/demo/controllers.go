package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// storefront is the website that two programs fight over.
var storefront = ref{sample("v1", "websites"), "shop", "storefront"}

// carryOn is database-controller: it carries the first database that is not settled
// one step on, so that one can follow.
func carryOn(ctx context.Context, w *writer, _ int) error {
	databases := sample("v1", "databases")
	list, err := w.client.Resource(databases).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing %s: %w", databases.GroupResource(), err)
	}
	for i := range list.Items {
		o := &list.Items[i]
		phase := nextPhase(o)
		if phase == "" {
			continue
		}
		err := w.applyStatus(ctx, ref{databases, o.GetNamespace(), o.GetName()}, o, databaseStatus(o, phase))
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // deleted since the list
		}
		return err
	}
	return nil
}

// nextPhase is empty when nothing is left to do.
func nextPhase(o *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
	seen, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	switch {
	case phase == "":
		return "Provisioning"
	case phase == "Provisioning":
		return "Configuring"
	case phase == "Configuring" || phase == "Resizing":
		return "Ready"
	case seen != o.GetGeneration():
		return "Resizing"
	}
	return ""
}

// databaseStatus is the whole status: what is left out of an apply is removed.
func databaseStatus(o *unstructured.Unstructured, phase string) map[string]any {
	status, _, _ := unstructured.NestedMap(o.Object, "status")
	if status == nil {
		status = map[string]any{}
	}
	ready := "False"
	if phase == "Ready" {
		ready = "True"
		status["endpoint"] = fmt.Sprintf("%s.%s.svc:5432", o.GetName(), o.GetNamespace())
		status["storageGB"], _, _ = unstructured.NestedInt64(o.Object, "spec", "storageGB")
	}
	since := transitionTime(o, ready)
	status["phase"], status["observedGeneration"] = phase, o.GetGeneration()
	status["conditions"] = []any{map[string]any{
		"type": "Ready", "status": ready, "reason": phase, "lastTransitionTime": since,
	}}
	return status
}

// transitionTime is now only if the condition changes.
func transitionTime(o *unstructured.Unstructured, status string) string {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if since, ok := c["lastTransitionTime"].(string); ok && c["type"] == "Ready" && c["status"] == status {
			return since
		}
	}
	return time.Now().UTC().Format(time.RFC3339)
}

// followReplicas is website-controller: it does what the last winner of the fight wants.
func followReplicas(ctx context.Context, w *writer, _ int) error {
	o, err := w.objects(storefront).Get(ctx, storefront.name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading %s: %w", storefront, err)
	}
	wanted, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	ready, found, _ := unstructured.NestedInt64(o.Object, "status", "readyReplicas")
	if found && ready == wanted {
		return nil
	}
	return w.applyStatus(ctx, storefront, o, map[string]any{
		"readyReplicas": wanted, "observedGeneration": o.GetGeneration(),
	})
}
