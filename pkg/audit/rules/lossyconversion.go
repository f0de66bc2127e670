package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func lossyNoneConversion() audit.Rule {
	return audit.Rule{
		ID: "CRD005", Name: "lossy-none-conversion", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD005"),
		Remediation: "Add the fields to the poorer version's schema, convert with a webhook, or stop serving one of the versions.",
		Check:       checkLossyConversion,
	}
}

func checkLossyConversion(in *audit.Input) ([]audit.Finding, error) {
	c := in.CRD.Spec.Conversion
	served := in.CRD.Served()
	if c != nil && c.Strategy != apiextensionsv1.NoneConverter || len(served) < 2 {
		return nil, nil
	}
	leaves := map[string]map[string]string{}
	for _, v := range served {
		s, _ := v.Structural()
		if s == nil {
			return nil, nil // CRD003 speaks of a schema that is not structural
		}
		leaves[v.Name] = leavesOf(s)
	}
	var findings []audit.Finding
	for _, poor := range served {
		if s, _ := poor.Structural(); s.XPreserveUnknownFields {
			continue
		}
		if f, ok := lossOf(in, poor, served, leaves); ok {
			findings = append(findings, f)
		}
	}
	return findings, nil
}

// lossOf says what a write through one version destroys.
func lossOf(in *audit.Input, poor *audit.Version, served []*audit.Version, leaves map[string]map[string]string) (audit.Finding, bool) {
	var lost, from []string
	for _, rich := range served {
		missing := missingLeaves(leaves[rich.Name], leaves[poor.Name])
		if rich == poor || len(missing) == 0 {
			continue
		}
		lost, from = append(lost, missing...), append(from, rich.Name)
	}
	if len(lost) == 0 {
		return audit.Finding{}, false
	}
	slices.Sort(lost)
	lost = slices.Compact(lost)
	f := audit.Finding{
		Path: fmt.Sprintf(".spec.versions[name=%q].schema", poor.Name), Since: in.CRD.Edited(),
		Message: fmt.Sprintf("conversion is None, and %s lacks %s that %s has: a write through %s destroys what stands there (%s)",
			poor.Name, plural(len(lost), "field"), strings.Join(from, ", "), poor.Name, some(lost)),
		Summary: fmt.Sprintf("a write through %s destroys fields of %s", poor.Name, strings.Join(from, ", ")),
	}
	if poor.Storage {
		// What the storage version lacks is never stored, whoever writes it.
		f.Severity = audit.Medium
		f.Message = fmt.Sprintf("conversion is None, and %s, in which objects are stored, lacks %s that %s has: what is written there through %s is never stored (%s)",
			poor.Name, plural(len(lost), "field"), strings.Join(from, ", "), strings.Join(from, ", "), some(lost))
		f.Summary = fmt.Sprintf("fields of %s are never stored, since %s lacks them", strings.Join(from, ", "), poor.Name)
		return f, true
	}
	if writers := writersOf(in.Census, in.CRD.Spec.Group+"/"+poor.Name); len(writers) > 0 {
		f.Severity = audit.Critical
		f.Message += "; it is written by " + some(writers)
	}
	return f, true
}

// writersOf are the managers that objects name for a version.
func writersOf(c *audit.Census, apiVersion string) []string {
	if c == nil {
		return nil
	}
	var names []string
	for w := range c.Writers {
		if w.APIVersion == apiVersion {
			names = append(names, w.Manager)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// missingLeaves are those of rich that poor lacks, or has with another type.
func missingLeaves(rich, poor map[string]string) []string {
	var missing []string
	for _, path := range slices.Sorted(maps.Keys(rich)) {
		typ, ok := poor[path]
		if rich[path] == anything && (ok || hasBelow(poor, path)) {
			continue // what is not in any schema cannot be compared
		}
		if (!ok || typ != rich[path]) && !keptBelow(poor, path) {
			missing = append(missing, path)
		}
	}
	return missing
}

// anything is the type of a value that is kept whatever it is.
const anything = "anything"

// keptBelow reports whether a value further up is kept whatever it is.
func keptBelow(leaves map[string]string, path string) bool {
	for i := len(path) - 1; i > 0; i-- {
		if (path[i] == '.' || path[i] == '[') && leaves[path[:i]] == anything {
			return true
		}
	}
	return leaves[path] == anything
}

// hasBelow reports whether there are leaves under a path.
func hasBelow(leaves map[string]string, path string) bool {
	for leaf := range leaves {
		if rest, ok := strings.CutPrefix(leaf, path); ok && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// leavesOf are the paths of a schema that have no fields of their own, with their types.
// What every object has is left out.
func leavesOf(s *schema.Structural) map[string]string {
	leaves := map[string]string{}
	for name, property := range s.Properties {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata"}, name) {
			walkLeaves(leaves, "."+name, &property)
		}
	}
	return leaves
}

func walkLeaves(leaves map[string]string, path string, s *schema.Structural) {
	switch {
	case s.XPreserveUnknownFields || s.XEmbeddedResource:
		leaves[path] = anything
	case len(s.Properties) > 0:
		for name, property := range s.Properties {
			walkLeaves(leaves, path+"."+name, &property)
		}
	case s.Items != nil:
		walkLeaves(leaves, path+"[]", s.Items)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil:
		walkLeaves(leaves, path+".*", s.AdditionalProperties.Structural)
	case s.XIntOrString:
		leaves[path] = "integer or string"
	default:
		leaves[path] = s.Type
	}
}
