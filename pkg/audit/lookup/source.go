package lookup

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
)

// source reads objects of one type, whole or their metadata alone.
type source interface {
	get(ctx context.Context, name string) (map[string]any, error)
	// page reads a page, and returns the token for the next one.
	page(ctx context.Context, opts metav1.ListOptions) ([]map[string]any, string, error)
}

type wholeOf struct{ client dynamic.ResourceInterface }

func (s wholeOf) get(ctx context.Context, name string) (map[string]any, error) {
	u, err := s.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return u.Object, nil
}

func (s wholeOf) page(ctx context.Context, opts metav1.ListOptions) ([]map[string]any, string, error) {
	list, err := s.client.List(ctx, opts)
	if err != nil {
		return nil, "", err
	}
	var page []map[string]any
	for i := range list.Items {
		page = append(page, list.Items[i].Object)
	}
	return page, list.GetContinue(), nil
}

type metadataOf struct {
	client metadata.ResourceInterface
	kind   *kind
}

func (s metadataOf) get(ctx context.Context, name string) (map[string]any, error) {
	m, err := s.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return contentOf(m, s.kind)
}

func (s metadataOf) page(ctx context.Context, opts metav1.ListOptions) ([]map[string]any, string, error) {
	list, err := s.client.List(ctx, opts)
	if err != nil {
		return nil, "", err
	}
	var page []map[string]any
	for i := range list.Items {
		object, err := contentOf(&list.Items[i], s.kind)
		if err != nil {
			return nil, "", err
		}
		page = append(page, object)
	}
	return page, list.GetContinue(), nil
}
