package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/util/compatibility"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func recreateRejected() audit.Rule {
	return audit.Rule{
		ID: "CRD017", Name: "recreate-rejected", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD017"),
		Remediation: "Repair the CRD where it is made, and apply it, before a backup or a new cluster has to take it.",
		Check:       checkRecreation,
	}
}

func checkRecreation(in *audit.Input) ([]audit.Finding, error) {
	created := in.CRD.Derive("CRD017", func() any { return create(in.CRD) }).(creation)
	severity, by := judge(in.Server)
	// Places that differ only by an index are one place for a fingerprint.
	reasons, first := map[string][]string{}, []rejection(nil)
	for _, r := range created.rejections {
		place := audit.NormalizePath(r.path)
		if len(reasons[place]) == 0 {
			first = append(first, r)
		}
		reasons[place] = append(reasons[place], r.String())
	}
	var findings []audit.Finding
	for _, r := range first {
		findings = append(findings, audit.Finding{
			Severity: severity, Path: r.path,
			Message: fmt.Sprintf("creating this CRD, as a restore or a new cluster does, is refused%s: %s%s",
				by, r.named(), strings.Join(reasons[audit.NormalizePath(r.path)], "; ")),
		})
	}
	return findings, created.unknown
}

// creation is what would come of creating the CRD.
type creation struct {
	rejections []rejection
	unknown    error
}

func create(crd *audit.CRD) creation {
	internal, err := asCreated(crd.CustomResourceDefinition)
	if err == nil && soundRules(crd) {
		dropRules(internal)
		if len(validation.ValidateCustomResourceDefinition(context.Background(), internal)) == 0 {
			return creation{}
		}
	}
	return createWhole(crd)
}

// createWhole compiles the validation rules, too.
func createWhole(crd *audit.CRD) creation {
	internal, err := asCreated(crd.CustomResourceDefinition)
	if err != nil {
		return creation{unknown: err}
	}
	rejections, unknown := collectRejections(crd, validation.ValidateCustomResourceDefinition(context.Background(), internal))
	return creation{rejections, unknown}
}

// judge is how grave it is to fail the rules of this program's Kubernetes version:
// an older API server may not have them yet.
func judge(server string) (severity audit.Severity, by string) {
	ours := compatibility.DefaultBuildEffectiveVersion().BinaryVersion()
	theirs, err := version.ParseGeneric(server)
	if err != nil || !version.MajorMinor(theirs.Major(), theirs.Minor()).LessThan(version.MajorMinor(ours.Major(), ours.Minor())) {
		return audit.Medium, ""
	}
	return audit.Info, fmt.Sprintf(" by Kubernetes %d.%d, which is newer than this cluster", ours.Major(), ours.Minor())
}

// asCreated is the CRD as the API server would validate it in a create request: with
// defaults, without what the server sets itself, and with the status that it gives a
// new CRD. The schemas are shared with the original, and only read.
func asCreated(crd *apiextensionsv1.CustomResourceDefinition) (*apiextensions.CustomResourceDefinition, error) {
	fresh := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: crd.Name, Labels: crd.Labels, Annotations: crd.Annotations},
		Spec:       crd.Spec,
	}
	fresh.Spec.Conversion = crd.Spec.Conversion.DeepCopy() // defaults are set in it
	apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(fresh)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(fresh, internal, nil); err != nil {
		return nil, fmt.Errorf("converting the CRD as the API server does: %w", err)
	}
	return internal, nil
}

// rejection is one reason to refuse the CRD, and where it was met.
type rejection struct {
	path, reason string
	// field is what an object has there, if the schema is at fault: ".spec.parts[].name".
	field string
	more  int
}

// named begins what is said of a place: the API server's words are about "this property".
func (r rejection) named() string {
	if r.field == "" {
		return ""
	}
	return r.field + ": "
}

func (r rejection) String() string {
	if r.more == 0 {
		return r.reason
	}
	return r.reason + " (also at " + plural(r.more, "other place") + ")"
}

// collectRejections takes equal reasons together, and parts from them what only a
// newer library could judge.
func collectRejections(crd *audit.CRD, list field.ErrorList) ([]rejection, error) {
	var unknown []error
	byReason := map[string]*rejection{}
	for _, e := range list {
		path := createdPath(crd, e.Field)
		if what := unknownToCEL(e); what != "" {
			unknown = append(unknown, fmt.Errorf("compiling %s: %s, which a newer Kubernetes may know", path, what))
			continue
		}
		reason := reasonFor(e)
		if r, ok := byReason[reason]; ok {
			r.more++
			if path < r.path {
				r.path, r.field = path, schemaField(e.Field)
			}
			continue
		}
		byReason[reason] = &rejection{path: path, reason: reason, field: schemaField(e.Field)}
	}
	// Validation visits properties in random order.
	slices.SortFunc(unknown, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	var rejections []rejection
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		rejections = append(rejections, *byReason[reason])
	}
	return rejections, errors.Join(unknown...)
}

// unknownToCEL returns what a CEL expression uses that the library does not have. An
// API server that is newer may have it, so it proves nothing.
func unknownToCEL(e *field.Error) string {
	if !strings.Contains(e.Detail, "ompilation failed") {
		return ""
	}
	for _, sign := range []string{"undeclared reference to ", "found no matching overload for "} {
		if i := strings.Index(e.Detail, sign); i >= 0 {
			text, _, _ := strings.Cut(e.Detail[i:], "\n")
			text, _, _ = strings.Cut(text, " (in container")
			return text
		}
	}
	return ""
}

// longestValue is how long a value may be to be shown with what is wrong with it.
const longestValue = 60

// reasonFor is what the API server says, without the field, without long values (for
// some errors the value is a whole schema), and without examples of names.
func reasonFor(e *field.Error) string {
	detail := strings.TrimPrefix(strings.TrimSpace(firstLine(errors.New(e.Detail)).Error()), "in body ")
	detail, _, _ = strings.Cut(detail, " (e.g. ")
	reason := strings.ToLower(e.Type.String()[:1]) + e.Type.String()[1:]
	if v, ok := e.BadValue.(string); ok && v != "" && len(v) <= longestValue {
		reason += fmt.Sprintf(" %q", v)
	}
	if detail == "" {
		return reason
	}
	return reason + ": " + detail
}

// createdPath is the path in the CRD as users know it. Validation works on the internal
// form, where what all versions have alike stands at the top.
func createdPath(crd *audit.CRD, path string) string {
	for i := range crd.Spec.Versions {
		path = strings.Replace(path, fmt.Sprintf("spec.versions[%d]", i), strings.TrimPrefix(versionPath(crd.Spec.Versions[i].Name), "."), 1)
	}
	if len(crd.Spec.Versions) > 0 {
		first := strings.TrimPrefix(versionPath(crd.Spec.Versions[0].Name), ".")
		for _, top := range [][2]string{
			{"spec.validation", ".schema"}, {"spec.subresources", ".subresources"},
			{"spec.additionalPrinterColumns", ".additionalPrinterColumns"}, {"spec.selectableFields", ".selectableFields"},
		} {
			if rest, ok := strings.CutPrefix(path, top[0]); ok {
				path = first + top[1] + rest
			}
		}
	}
	path = strings.ReplaceAll(path, "spec.conversion.webhookClientConfig", "spec.conversion.webhook.clientConfig")
	path = strings.ReplaceAll(path, "JSONPath", "jsonPath")
	return "." + dotted(path)
}

// step leads down in a schema, in a path of validation.
var step = regexp.MustCompile(`^\.(properties\[([^\]]+)\]|items|additionalProperties)`)

// schemaField is what an object has where a path of validation leads in a schema, as far
// down as fields have names; empty outside of a schema and at its root.
func schemaField(path string) string {
	_, rest, _ := strings.Cut(path, ".openAPIV3Schema")
	var at place
	for found := step.FindStringSubmatch(rest); found != nil; found = step.FindStringSubmatch(rest) {
		rest = rest[len(found[0]):]
		switch found[1] {
		case "items":
			at = at.items()
		case "additionalProperties":
			at = at.values()
		default:
			at = at.property(found[2])
		}
	}
	return at.field
}

// key is a name in a path of validation: properties[spec], annotations[example.com/a].
var key = regexp.MustCompile(`\b(properties|annotations|labels)\[([^\]]+)\]`)

// dotted writes the keys of maps as fields: properties[spec] is properties.spec.
func dotted(path string) string {
	return key.ReplaceAllString(path, "$1.$2")
}
