package load

import (
	"encoding/json"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/crdwatch/crdwatch/test/synth"
)

// crdHead is how each begins.
const crdHead = `{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1",`

// schemas is how many CRDs differ in more than names.
const schemas = 64

// definitions are the templates of the CRDs.
type definitions struct {
	whole, partial []template
}

// newDefinitions makes as many as there are CRDs, up to schemas.
func newDefinitions(o Options) (*definitions, error) {
	sizes := synth.SchemaSizes(o.Seed, min(schemas, max(1, o.CRDs)), o.SchemaSize)
	d := &definitions{}
	for i, size := range sizes {
		crd, err := definition(synth.KindOfSchema(o.Seed, uint64(i), size))
		if err != nil {
			return nil, err
		}
		whole, err := json.Marshal(crd)
		if err != nil {
			return nil, err
		}
		partial, err := json.Marshal(&metav1.PartialObjectMetadata{TypeMeta: partialType, ObjectMeta: crd.ObjectMeta})
		if err != nil {
			return nil, err
		}
		d.whole, d.partial = append(d.whole, cut(whole)), append(d.partial, cut(partial))
	}
	return d, nil
}

func (d *definitions) of(templates []template, o *subject) template {
	return templates[o.number%len(templates)]
}

// definition is the CRD as the API server keeps it, with markers for its names.
func definition(kind *synth.Kind) (*apiextensionsv1.CustomResourceDefinition, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(kind.Definition().Object, crd); err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, created)
	if err != nil {
		return nil, err
	}
	then := metav1.NewTime(at)
	crd.ObjectMeta = metav1.ObjectMeta{
		Name: markers[pluralHole] + "." + markers[groupHole], UID: uidMarker, ResourceVersion: markers[versionHole],
		Generation: generationMarker, CreationTimestamp: then,
		ManagedFields: []metav1.ManagedFieldsEntry{{
			Manager: creator, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "apiextensions.k8s.io/v1",
			Time: &then, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`),
		}},
	}
	names := &crd.Spec.Names
	names.Plural, names.Singular = markers[pluralHole], markers[singularHole]
	names.Kind, names.ListKind = markers[kindHole], markers[kindHole]+"List"
	crd.Spec.Group, crd.Spec.Scope = markers[groupHole], apiextensionsv1.NamespaceScoped
	crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
	condition := func(typ apiextensionsv1.CustomResourceDefinitionConditionType, reason, message string) apiextensionsv1.CustomResourceDefinitionCondition {
		return apiextensionsv1.CustomResourceDefinitionCondition{
			Type: typ, Status: apiextensionsv1.ConditionTrue, LastTransitionTime: then, Reason: reason, Message: message,
		}
	}
	crd.Status = apiextensionsv1.CustomResourceDefinitionStatus{
		AcceptedNames: *names, StoredVersions: []string{kind.GVR().Version},
		Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{
			condition(apiextensionsv1.NamesAccepted, "NoConflicts", "no conflicts found"),
			condition(apiextensionsv1.Established, "InitialNamesAccepted", "the initial names have been accepted"),
		},
	}
	return crd, nil
}
