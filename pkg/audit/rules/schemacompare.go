package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/crdify/pkg/config"
	"sigs.k8s.io/crdify/pkg/validations"
	"sigs.k8s.io/crdify/pkg/validations/crd/scope"
	"sigs.k8s.io/crdify/pkg/validations/crd/storedversionremoval"
	"sigs.k8s.io/crdify/pkg/validations/property"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// comparison compares schemas with the validations of crdify. Its runner is of no use
// here: it takes a field that is gone for one whose type, enum and so on have changed,
// counts branches of anyOf as fields, and copies each schema once for each ancestor.
type comparison struct {
	crds       []validations.Comparator[apiextensionsv1.CustomResourceDefinition]
	properties []validations.Comparator[apiextensionsv1.JSONSchemaProps]
	version    string
	changes    []change
}

// crdifyConfig: what only loosens a schema is no error, and what no validation knows is
// compared by us.
func crdifyConfig() config.Config {
	allow := func(name, policy string) config.ValidationConfig {
		return config.ValidationConfig{Name: name, Enforcement: config.EnforcementPolicyError, Configuration: map[string]any{policy: "Allow"}}
	}
	return config.Config{
		Validations:          []config.ValidationConfig{allow("pattern", "removalPolicy"), allow("nullable", "additionPolicy")},
		UnhandledEnforcement: config.EnforcementPolicyNone,
		Conversion:           config.ConversionPolicyIgnore,
	}
}

func newComparison() (*comparison, error) {
	registry := validations.NewRegistry()
	for _, register := range []func(validations.Registry){
		scope.Register, storedversionremoval.Register,
		property.RegisterDefault, property.RegisterDescription, property.RegisterEnum, property.RegisterNullable,
		property.RegisterPattern, property.RegisterRequired, property.RegisterType,
		property.RegisterMaximum, property.RegisterMaxItems, property.RegisterMaxLength, property.RegisterMaxProperties,
		property.RegisterMinimum, property.RegisterMinItems, property.RegisterMinLength, property.RegisterMinProperties,
	} {
		register(registry)
	}
	loaded, err := validations.LoadValidationsFromRegistry(registry)
	if err != nil {
		return nil, fmt.Errorf("loading the validations of crdify: %w", err)
	}
	configured, err := validations.ConfigureValidations(loaded, registry, crdifyConfig())
	if err != nil {
		return nil, fmt.Errorf("configuring the validations of crdify: %w", err)
	}
	all := slices.SortedFunc(maps.Values(configured), func(a, b validations.Validation) int { return cmp.Compare(a.Name(), b.Name()) })
	return &comparison{
		crds:       validations.ComparatorsForValidations[apiextensionsv1.CustomResourceDefinition](all...),
		properties: validations.ComparatorsForValidations[apiextensionsv1.JSONSchemaProps](all...),
	}, nil
}

// whole compares what concerns no single version.
func (c *comparison) whole(earlier, current *audit.CRD) []change {
	var changes []change
	for _, comparator := range c.crds {
		result := comparator.Compare(earlier.CustomResourceDefinition, current.CustomResourceDefinition)
		for range result.Errors {
			scopes := changed("scope", string(earlier.Spec.Scope), string(current.Spec.Scope))
			found := change{severity: audit.High, path: ".spec.scope", text: scopes + "; the CRD was deleted and made anew, and its objects with it"}
			if result.Name == "storedVersionRemoval" {
				found.path = ".status.storedVersions"
				found.text = "status.storedVersions does not have " + goneVersions(earlier, current) + " any more; objects that are still stored so cannot be read"
			}
			changes = append(changes, found)
		}
	}
	return changes
}

// between compares a version of the earlier revision with that of the current one.
func (c *comparison) between(version string, before, after *apiextensionsv1.JSONSchemaProps) []change {
	if before == nil || after == nil {
		return nil
	}
	c.version, c.changes = version, nil
	c.node(before, after, rootPlace())
	return c.changes
}

func (c *comparison) node(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	if old, now := alone(before), alone(after); !apiequality.Semantic.DeepEqual(&old, &now) {
		for _, result := range validations.CompareProperties(&old, &now, config.EnforcementPolicyNone, c.properties...) {
			for _, e := range result.Errors {
				c.graded(result.Name, e, before, after, at)
			}
		}
		c.beyondCrdify(before, after, at)
	}
	if before.Type != after.Type {
		return // nothing below can be compared, and it is said already
	}
	for _, name := range slices.Sorted(maps.Keys(before.Properties)) {
		c.property(name, before, after, at.property(name))
	}
	c.values(before, after, at)
	if a, b := itemsOf(before), itemsOf(after); a != nil && b != nil {
		c.node(a, b, at.items())
	}
}

func (c *comparison) property(name string, before, after *apiextensionsv1.JSONSchemaProps, at place) {
	old := before.Properties[name]
	if now, ok := after.Properties[name]; ok {
		c.node(&old, &now, at)
		return
	}
	if preserves(after) || after.AdditionalProperties != nil {
		return // it is kept all the same
	}
	c.add(audit.High, at, "", "the field is gone from the schema; its value disappears from every object that has it, for good at the next write")
}

func (c *comparison) values(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	old, now := valuesOf(before), valuesOf(after)
	switch {
	case old != nil && now != nil:
		c.node(old, now, at.values())
	case old != nil && after.AdditionalProperties == nil && !preserves(after):
		c.add(audit.High, at, "additionalProperties", "no longer a map; keys that the schema does not name disappear from every object that has them, for good at the next write")
	}
}

// add takes in a change of a keyword at a place. What happens in the status is made up
// for by the controller that writes it.
func (c *comparison) add(severity audit.Severity, at place, keyword, text string) *change {
	if strings.HasPrefix(at.field+".", ".status.") {
		severity = min(severity, audit.Medium)
	}
	path := at.path
	if keyword != "" {
		path += "." + keyword
	}
	c.changes = append(c.changes, change{severity: severity, version: c.version, path: path, text: at.String() + ": " + text, where: at.String()})
	return &c.changes[len(c.changes)-1]
}

// alone is a schema without what is below it.
func alone(s *apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	out := *s
	out.Properties, out.Items, out.AdditionalProperties = nil, nil, nil
	return out
}

func itemsOf(s *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	if s.Items == nil {
		return nil
	}
	return s.Items.Schema
}

func valuesOf(s *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	if s.AdditionalProperties == nil {
		return nil
	}
	return s.AdditionalProperties.Schema
}

// plain writes an error of crdify as the messages here are written.
func plain(e string) string {
	return strings.NewReplacer(" : ", ": ", " -> ", " to ").Replace(e)
}
