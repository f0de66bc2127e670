package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SchemaSizes draws n sizes of CRDs with the given median, distributed as in the
// clusters that we have seen: most are of middling size, a few are huge.
func SchemaSizes(seed uint64, n, median int) []int {
	const spread, smallest, largest = 0.8, 3 << 10, 400 << 10
	r := rand.New(rand.NewPCG(seed, 1<<63))
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = min(max(int(float64(median)*math.Exp(spread*r.NormFloat64())), smallest), largest)
	}
	return sizes
}

// Definition is the type's CustomResourceDefinition. The caller owns it.
func (k *Kind) Definition() *unstructured.Unstructured {
	versions := []any{k.definitionVersion(version, true)}
	if k.older {
		versions = append(versions, k.definitionVersion("v1alpha1", false))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": k.gvr.GroupResource().String()},
		"spec": map[string]any{
			"group": k.gvr.Group, "scope": "Cluster",
			"names": map[string]any{
				"plural": k.gvr.Resource, "singular": strings.ToLower(k.kind), "kind": k.kind,
				"listKind": k.kind + "List", "categories": []any{"managed", "bench"},
			},
			"versions": versions,
		},
	}}
}

func (k *Kind) definitionVersion(name string, storage bool) map[string]any {
	return map[string]any{
		"name": name, "served": true, "storage": storage,
		"subresources": map[string]any{"status": map[string]any{}},
		"schema":       map[string]any{"openAPIV3Schema": k.schema()},
		"additionalPrinterColumns": []any{
			column("Synced", "string", `.status.conditions[?(@.type=='Synced')].status`),
			column("Ready", "string", `.status.conditions[?(@.type=='Ready')].status`),
			column("External-Name", "string", `.metadata.annotations.crossplane\.io/external-name`),
			column("Age", "date", `.metadata.creationTimestamp`),
		},
	}
}

func column(name, typ, path string) map[string]any {
	return map[string]any{"name": name, "type": typ, "jsonPath": path}
}

func (k *Kind) schema() map[string]any {
	known := append(append([]field(nil), k.known...), k.wanted...)
	return object(fmt.Sprintf("%s is the Schema for the %s API.", k.kind, k.gvr.Resource), map[string]any{
		"apiVersion": text("APIVersion defines the versioned schema of this representation of an object."),
		"kind":       text("Kind is a string value representing the REST resource this object represents."),
		"metadata":   map[string]any{"type": "object"},
		"spec": k.validated(object("Spec defines the desired state of "+k.kind, map[string]any{
			"forProvider": object("What is wanted of the provider.", properties(k.wanted)),
			"initProvider": map[string]any{
				"type": "object", "x-kubernetes-preserve-unknown-fields": true,
				"description": "Values that are set on creation and ignored afterwards.",
			},
			"deletionPolicy": map[string]any{"type": "string", "enum": []any{"Orphan", "Delete"}, "default": "Delete"},
			"managementPolicies": map[string]any{
				"type": "array", "items": map[string]any{"type": "string"},
				"description": "The actions that are allowed on the managed and external resources.",
			},
			"providerConfigRef": object("The configuration of the provider.", map[string]any{"name": text("Name of the object.")}),
			"writeConnectionSecretToRef": object("Where connection details are written.", map[string]any{
				"name": text("Name of the secret."), "namespace": text("Namespace of the secret."),
			}),
		})),
		"status": object("Status defines the observed state of "+k.kind, map[string]any{
			"atProvider":         object("What the provider reports.", properties(known)),
			"observedGeneration": map[string]any{"type": "integer", "format": "int64"},
			"conditions":         conditions(),
		}),
	})
}

func conditions() map[string]any {
	return map[string]any{
		"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"type"},
		"items": map[string]any{
			"type": "object", "required": []any{"lastTransitionTime", "reason", "status", "type"},
			"properties": map[string]any{
				"lastTransitionTime": map[string]any{"type": "string", "format": "date-time"},
				"message":            text("A human-readable message."),
				"observedGeneration": map[string]any{"type": "integer", "format": "int64"},
				"reason":             text("The reason of the last transition."),
				"status":             text("Status of this condition."),
				"type":               text("Type of this condition."),
			},
		},
	}
}

func object(description string, properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "description": description, "properties": properties}
}

func text(description string) map[string]any {
	return map[string]any{"type": "string", "description": description}
}
