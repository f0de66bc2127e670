package synth

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Domain is the end of every API group.
const Domain = "bench.example.org"

const version = "v1beta1"

// Kind is one made-up type. It is immutable once it is grown.
type Kind struct {
	seed, index uint64
	kind        string
	gvr         schema.GroupVersionResource
	older       bool // a second version is served

	rand   *rand.Rand
	taken  map[string]bool
	wanted []field // spec.forProvider
	rules  int     // of x-kubernetes-validations
	known  []field // what status.atProvider has besides
}

// newKind makes a type with the fields that all types have. Twenty types share an
// API group.
func newKind(seed, index uint64) *Kind {
	r := rand.New(rand.NewPCG(seed, index))
	name := title(pick(r, firsts)) + pick(r, kinds) + fmt.Sprintf("%03x", index)
	k := &Kind{
		seed: seed, index: index, kind: name, older: r.IntN(4) == 0, rand: r,
		taken: map[string]bool{"region": true, "tags": true, "id": true, "arn": true, "tagsAll": true},
		gvr: schema.GroupVersionResource{
			Group:   fmt.Sprintf("%s%d.%s", services[int(index/20)%len(services)], index/20, Domain),
			Version: version, Resource: strings.ToLower(name) + "s",
		},
		wanted: common(),
		known: []field{
			{name: "id", form: identifier, options: []string{"i"}},
			{name: "arn", form: arn},
			{name: "tagsAll", doc: "A map of tags assigned to the resource.", form: tags},
		},
	}
	return k
}

// KindOfObject grows a type until its objects have about size bytes of JSON as the
// API server keeps them: with the managedFields of two managers.
func KindOfObject(seed, index uint64, size int) *Kind {
	k := newKind(seed, index)
	for k.typical() < size {
		k.grow()
	}
	return k
}

// KindOfSchema grows a type until the JSON of its CustomResourceDefinition has
// about size bytes.
func KindOfSchema(seed, index uint64, size int) *Kind {
	k := newKind(seed, index)
	for {
		now := jsonSize(k.Definition().Object)
		if now >= size {
			return k
		}
		// A field of forProvider appears in atProvider, too.
		const perField = 1000
		for range max(1, (size-now)/perField/2) {
			k.grow()
		}
	}
}

func (k *Kind) grow() {
	k.wanted = append(k.wanted, newField(k.rand, 0, k.taken))
	if k.rand.IntN(8) == 0 {
		k.known = append(k.known, newField(k.rand, 1, k.taken))
	}
}

// typical is the mean size of a few objects.
func (k *Kind) typical() int {
	const few = 8
	sum := 0
	for i := range uint64(few) {
		spec, status, _ := k.Object(i)
		spec.Object["status"] = status
		sum += jsonSize(spec.Object) + managedSize(spec.Object)
	}
	return sum / few
}

// GVR is what to read to get the objects.
func (k *Kind) GVR() schema.GroupVersionResource { return k.gvr }

// Object makes the n-th object in two parts, as two managers write them: the object
// without status, and the status. The caller owns both.
func (k *Kind) Object(n uint64) (object *unstructured.Unstructured, status map[string]any, share Share) {
	m := &maker{Rand: rand.New(rand.NewPCG(k.seed+k.index<<32, n))}
	name := fmt.Sprintf("%s-%s-%s", m.picked(teams), m.picked(firsts), m.random(letters, 10))
	spec := map[string]any{
		"forProvider":                m.object(k.wanted),
		"deletionPolicy":             m.picked([]string{"Delete", "Orphan"}),
		"managementPolicies":         []any{"*"},
		"initProvider":               map[string]any{},
		"providerConfigRef":          map[string]any{"name": m.picked(accounts)},
		"writeConnectionSecretToRef": map[string]any{"name": name, "namespace": m.picked(teams)},
	}
	object = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": k.gvr.GroupVersion().String(), "kind": k.kind,
		"metadata": map[string]any{
			"name": name,
			"labels": map[string]any{
				"crossplane.io/claim-name":      name[:len(name)-6],
				"crossplane.io/claim-namespace": m.picked(teams),
				"crossplane.io/composite":       name,
			},
			"annotations": map[string]any{
				"crossplane.io/composition-resource-name": m.picked(seconds),
				"crossplane.io/external-create-pending":   m.date(),
				"crossplane.io/external-create-succeeded": m.date(),
				"crossplane.io/external-name":             name,
			},
		},
		"spec": spec,
	}}
	status = m.status(k, spec["forProvider"].(map[string]any))
	m.share.Total = jsonSize(object.Object) + jsonSize(status) + len(`"status":,`)
	return object, status, m.share
}

func (m *maker) status(k *Kind, wanted map[string]any) map[string]any {
	at := m.object(k.known)
	for name, v := range wanted {
		at[name] = v
		m.share.Repeated += jsonSize(v) + len(name) + 4
	}
	return map[string]any{
		"atProvider":         at,
		"observedGeneration": int64(1),
		"conditions": []any{
			m.condition("Ready", "Available", ""),
			m.condition("Synced", "ReconcileSuccess", ""),
			m.condition("LastAsyncOperation", "Success", "request "+m.uuid()+" finished"),
		},
	}
}

func (m *maker) condition(typ, reason, message string) map[string]any {
	c := map[string]any{
		"type": typ, "status": "True", "reason": reason, "lastTransitionTime": m.date(), "observedGeneration": int64(1),
	}
	if message != "" {
		c["message"] = message
	}
	return c
}

func jsonSize(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 0 // everything here was made from JSON's own types
	}
	return len(b)
}

// managedSize estimates what the API server adds to the JSON: identity and times,
// and the fields of two managers.
func managedSize(object map[string]any) int {
	const server, perManager = 180, 150
	return server + 2*perManager + fieldsSize(object)
}

// fieldsSize estimates the JSON of the fieldsV1 of a value.
func fieldsSize(v any) int {
	const leaf, self = 2, 7 // {} and ".":{},
	switch v := v.(type) {
	case map[string]any:
		n := leaf + self
		for name, child := range v {
			n += len(`"f:":,`) + len(name) + fieldsSize(child)
		}
		return n
	case []any:
		n := leaf + self
		for _, e := range v {
			entry, ok := e.(map[string]any)
			if !ok {
				return leaf // atomic
			}
			name, _ := entry["name"].(string)
			n += len(`"k:{\"name\":\"\"}":,`) + len(name) + fieldsSize(entry)
		}
		return n
	}
	return leaf
}
