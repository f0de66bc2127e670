package realcrds

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// install creates CRDs from YAML, and returns them as the API server has them.
func install(t *testing.T, manifests []manifest) []crd {
	t.Helper()
	client := restClient(t)
	crds := make([]crd, len(manifests))
	errs := make([]error, len(manifests))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, m := range manifests {
		g.Go(func() error {
			crds[i], errs[i] = create(t.Context(), client, m)
			return nil
		})
	}
	_ = g.Wait()
	failed, listed := map[string]error{}, map[string]string{}
	for i, m := range manifests {
		if errs[i] != nil {
			failed[m.name] = errs[i]
		}
		if why := refused[m.name]; why != "" {
			listed[m.name] = why
		}
	}
	checkListed(t, "refused", listed, failed)
	return slices.DeleteFunc(crds, func(c crd) bool { return c.name == "" })
}

func create(ctx context.Context, client rest.Interface, m manifest) (crd, error) {
	answer, err := client.Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").
		SetHeader("Content-Type", "application/yaml").Body([]byte(m.yaml)).DoRaw(ctx)
	if err != nil {
		return crd{}, fmt.Errorf("%w: %s", err, answer)
	}
	return parseCRD(answer)
}

// restClient returns a client for plain requests.
func restClient(t *testing.T) rest.Interface {
	t.Helper()
	config := cp.Config()
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(httpClient.CloseIdleConnections)
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func dynamicClient(t *testing.T) dynamic.Interface {
	t.Helper()
	config := cp.Config()
	config.WarningHandler = rest.NoWarnings{} // that a version is deprecated
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(httpClient.CloseIdleConnections)
	client, err := dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
