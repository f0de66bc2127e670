package audit

import (
	"fmt"
	"sync"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// CRD is one revision of a CustomResourceDefinition, with what is derived from it
// when it is first needed. It is read-only and safe for concurrent use. A large one
// takes megabytes: whoever has many keeps few of them.
type CRD struct {
	*apiextensionsv1.CustomResourceDefinition

	versions map[string]*Version
	derived  sync.Map // rule ID to func() any
}

// Version is one version of a CRD.
type Version struct {
	*apiextensionsv1.CustomResourceDefinitionVersion

	internal   func() (*apiextensions.JSONSchemaProps, error)
	structural func() (*schema.Structural, error)
	redaction  func() (*diff.Schema, error)
	validators func() (*validators, error)
}

// ParseCRD reads a CustomResourceDefinition (apiextensions.k8s.io/v1) from its
// decoded JSON.
func ParseCRD(content map[string]any) (*CRD, error) {
	typed := &apiextensionsv1.CustomResourceDefinition{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, typed); err != nil {
		metadata, _ := content["metadata"].(map[string]any)
		return nil, fmt.Errorf("reading CRD %v: %w", metadata["name"], err)
	}
	return newCRD(typed), nil
}

// DecodeCRD is ParseCRD for what is not decoded yet, which costs half as much.
func DecodeCRD(text []byte) (*CRD, error) {
	typed := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(text, typed); err != nil {
		return nil, fmt.Errorf("reading CRD: %w", err)
	}
	return newCRD(typed), nil
}

func newCRD(typed *apiextensionsv1.CustomResourceDefinition) *CRD {
	c := &CRD{CustomResourceDefinition: typed, versions: map[string]*Version{}}
	for i := range typed.Spec.Versions {
		v := &Version{CustomResourceDefinitionVersion: &typed.Spec.Versions[i]}
		v.internal = sync.OnceValues(v.convert)
		v.structural = sync.OnceValues(v.structure)
		v.redaction = sync.OnceValues(v.redact)
		v.validators = sync.OnceValues(v.buildValidators)
		c.versions[v.Name] = v
	}
	return c
}

// Version returns a version, or nil if the CRD has none of that name.
func (c *CRD) Version(name string) *Version {
	return c.versions[name]
}

// Storage returns the storage version; nil in a CRD that no API server accepted.
func (c *CRD) Storage() *Version {
	for _, v := range c.versions {
		if v.Storage {
			return v
		}
	}
	return nil
}

// Served returns the versions that are served, in the order of spec.versions.
func (c *CRD) Served() []*Version {
	var served []*Version
	for i := range c.Spec.Versions {
		if v := c.versions[c.Spec.Versions[i].Name]; v.Served {
			served = append(served, v)
		}
	}
	return served
}

// Condition returns a condition of the status, or nil.
func (c *CRD) Condition(t apiextensionsv1.CustomResourceDefinitionConditionType) *apiextensionsv1.CustomResourceDefinitionCondition {
	for i := range c.Status.Conditions {
		if c.Status.Conditions[i].Type == t {
			return &c.Status.Conditions[i]
		}
	}
	return nil
}

// Derive returns what is worked out of the revision alone, and works it out only once:
// a CRD is judged again whenever its objects change. The result is shared, and stays as
// long as the revision; it must be small. The key starts with the ID of
// the rule.
func (c *CRD) Derive(key string, derive func() any) any {
	once, _ := c.derived.LoadOrStore(key, sync.OnceValue(derive))
	return once.(func() any)()
}

// Subject is the CRD as a Subject.
func (c *CRD) Subject() Subject {
	return Subject{Group: apiextensionsv1.GroupName, Resource: "customresourcedefinitions", Name: c.Name, UID: c.UID}
}

// Edited is when the spec was last changed, as far as managedFields tell.
func (c *CRD) Edited() time.Time {
	last := c.CreationTimestamp.Time
	for _, e := range c.ManagedFields {
		if e.Subresource == "" && e.Time != nil && e.Time.After(last) {
			last = e.Time.Time
		}
	}
	return last
}

// InternalSchema returns the schema as the API server's libraries want it; nil without one.
func (v *Version) InternalSchema() (*apiextensions.JSONSchemaProps, error) {
	return v.internal()
}

// Structural returns the structural schema; nil without a schema. Its error says why
// the schema is not structural.
func (v *Version) Structural() (*schema.Structural, error) {
	return v.structural()
}

func (v *Version) convert() (*apiextensions.JSONSchemaProps, error) {
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return nil, nil
	}
	out := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, out, nil); err != nil {
		return nil, fmt.Errorf("converting the schema of version %s: %w", v.Name, err)
	}
	return out, nil
}

func (v *Version) structure() (*schema.Structural, error) {
	internal, err := v.internal()
	if err != nil || internal == nil {
		return nil, err
	}
	s, err := schema.NewStructural(internal)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of version %s: %w", v.Name, err)
	}
	return s, nil
}
