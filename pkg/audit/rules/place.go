package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// place is a position in the schema of a version: as the fields of an object are
// called, and where it stands in the version.
type place struct {
	// field is ".spec.parts[].name", and empty at the root.
	field string
	// path is ".schema.openAPIV3Schema.properties.spec…".
	path string
}

func rootPlace() place { return place{path: ".schema.openAPIV3Schema"} }

func (p place) property(name string) place {
	return place{field: p.field + "." + name, path: p.path + ".properties." + name}
}

func (p place) items() place {
	return place{field: p.field + "[]", path: p.path + ".items"}
}

func (p place) values() place {
	return place{field: p.field + ".*", path: p.path + ".additionalProperties"}
}

// String is how messages call the place.
func (p place) String() string {
	if p.field == "" {
		return "the whole object"
	}
	return p.field
}

// versionPath is the path of a version in its CRD.
func versionPath(version string) string {
	return fmt.Sprintf(".spec.versions[name=%q]", version)
}

// flaw is what is wrong with one version of a CRD. The path is relative to the version.
// Without a version it concerns the whole CRD.
type flaw struct {
	severity      audit.Severity
	version, path string
	text, summary string
	// fix is empty where what the rule advises fits.
	fix string
}

// joinVersions makes findings of flaws: one of those that several versions have alike,
// since they are repaired together. It stands at the first of the versions.
func joinVersions(flaws []flaw) []audit.Finding {
	versions := map[flaw][]string{}
	var distinct []flaw
	for _, f := range flaws {
		alike := f
		alike.version = ""
		if len(versions[alike]) == 0 {
			distinct = append(distinct, f)
		}
		versions[alike] = append(versions[alike], f.version)
	}
	var findings []audit.Finding
	for _, f := range distinct {
		alike := f
		alike.version = ""
		in, path := inVersions(versions[alike]), versionPath(f.version)+f.path
		if f.version == "" {
			in, path = "", f.path
		}
		finding := audit.Finding{Severity: f.severity, Path: path, Message: in + f.text, Remediation: f.fix}
		if f.summary != "" {
			finding.Summary = in + f.summary
		}
		findings = append(findings, finding)
	}
	return findings
}

func inVersions(versions []string) string {
	if len(versions) == 1 {
		return "version " + versions[0] + ": "
	}
	return "versions " + enumerate(versions) + ": "
}

// enumerate is "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	words = slices.Clone(words)
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// mostNamed is how many of many things a message names.
const mostNamed = 3

// some names a few words, and counts the others.
func some(words []string) string { return atMost(mostNamed, words) }

// atMost names so many words, and counts the others.
func atMost(n int, words []string) string {
	if more := len(words) - n; more > 0 {
		words = append(words[:n:n], plural(more, "other"))
	}
	return enumerate(words)
}

// plural is "1 place", "2 places".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
