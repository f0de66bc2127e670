package realcrds

import (
	"encoding/json"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/crdwatch/crdwatch/test/realcrds/internal/sample"
)

// crd is what the tests need of a CRD. It is only read.
type crd struct {
	name, kind string
	namespaced bool
	versions   []crdVersion
	// chosen is the version that should be watched, gvr what that makes.
	chosen crdVersion
	gvr    schema.GroupVersionResource
}

type crdVersion struct {
	Name            string
	Served, Storage bool
	Schema          struct{ OpenAPIV3Schema json.RawMessage }
	Subresources    struct{ Status *struct{} }
}

// parseCRD reads a CRD as the API server answers it. The schemas are not parsed.
func parseCRD(data []byte) (crd, error) {
	var doc struct {
		Metadata struct{ Name string }
		Spec     struct {
			Group, Scope string
			Names        struct{ Plural, Kind string }
			Versions     []crdVersion
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return crd{}, err
	}
	c := crd{
		name: doc.Metadata.Name, kind: doc.Spec.Names.Kind,
		namespaced: doc.Spec.Scope == "Namespaced", versions: doc.Spec.Versions,
	}
	c.chosen = choose(c.versions)
	c.gvr = schema.GroupVersionResource{Group: doc.Spec.Group, Version: c.chosen.Name, Resource: doc.Spec.Names.Plural}
	return c, nil
}

// choose returns the version that is stored if it is served, otherwise the highest
// that is.
func choose(versions []crdVersion) crdVersion {
	served := slices.DeleteFunc(slices.Clone(versions), func(v crdVersion) bool { return !v.Served })
	slices.SortFunc(served, func(a, b crdVersion) int {
		return version.CompareKubeAwareVersionStrings(b.Name, a.Name)
	})
	for _, v := range served {
		if v.Storage {
			return v
		}
	}
	return served[0]
}

// statusSubresource tells whether only requests to it change the status.
func (c crd) statusSubresource() bool { return c.chosen.Subresources.Status != nil }

func (c crd) schema(t *testing.T) *sample.Schema {
	t.Helper()
	s, err := sample.ParseSchema(c.chosen.Schema.OpenAPIV3Schema)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return s
}
