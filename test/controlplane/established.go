package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// decode splits a manifest, YAML or JSON, into its objects; lists count as
// their items.
func decode(manifest []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("decoding manifest: %w", err)
		case len(o.Object) == 0: // only comments between two ---
			continue
		case !o.IsList():
			objects = append(objects, o)
			continue
		}
		err = o.EachListItem(func(item runtime.Object) error {
			objects = append(objects, item.(*unstructured.Unstructured))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("decoding manifest: %w", err)
		}
	}
}

// waitEstablished blocks until the API server serves the CRD's objects.
func (a *applier) waitEstablished(ctx context.Context, crd string) error {
	var message string
	err := wait.PollUntilContextTimeout(ctx, servedPoll, servedDeadline, true, func(ctx context.Context) (bool, error) {
		o, err := a.client.Resource(crds).Get(ctx, crd, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		var established bool
		established, message = condition(o, "Established")
		return established, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s to be established: %w: %s", crd, err, message)
	}
	return nil
}

func condition(o *unstructured.Unstructured, kind string) (ok bool, message string) {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if c["type"] == kind {
			message, _ = c["message"].(string)
			return c["status"] == "True", message
		}
	}
	return false, "no condition " + kind
}
