package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// invalidObjects is the rule whose findings tell that a change hurts already.
const invalidObjects = "CR003"

func breakingRevision() audit.Rule {
	return audit.Rule{
		ID: "CRD006", Name: "breaking-revision", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD006"),
		Remediation: "Roll the CRD back, or ship the change as a new version with a conversion.",
		Check:       checkRevision,
	}
}

func checkRevision(in *audit.Input) ([]audit.Finding, error) {
	if in.Earlier == nil || apiequality.Semantic.DeepEqual(in.Earlier.Spec, in.CRD.Spec) {
		return nil, nil
	}
	// The earlier revision is part of the key, and not kept: it may be large.
	key := fmt.Sprintf("CRD006 %s %s %d", in.Earlier.UID, in.Earlier.ResourceVersion, in.Earlier.Generation)
	compared := in.CRD.Derive(key, func() any {
		changes, err := compareRevisions(in.Earlier, in.CRD)
		return comparisonResult{changes, err}
	}).(comparisonResult)
	if compared.err != nil {
		return nil, compared.err
	}
	var flaws []flaw
	var harmless []change
	narrows := false
	for _, c := range compared.changes {
		if c.severity == audit.Info {
			harmless = append(harmless, c)
			continue
		}
		narrows = narrows || c.narrows
		flaws = append(flaws, c.flaw(failing(in)))
	}
	findings := append(joinVersions(flaws), summarize(harmless)...)
	for i := range findings {
		findings[i].Since = in.CRD.Edited()
	}
	if narrows && in.Census == nil && in.Failure == nil && !in.Offline {
		return findings, errors.New("counting the objects that fail the new schema: the objects have not been read")
	}
	return findings, nil
}

// comparisonResult is what two revisions have different.
type comparisonResult struct {
	changes []change
	err     error
}

// failing are the objects that fail the current schema; nil if none do.
func failing(in *audit.Input) *audit.Trace {
	if in.Census == nil {
		return nil
	}
	return in.Census.Findings[invalidObjects]
}

// change is what a revision does to a version of a CRD.
type change struct {
	severity audit.Severity
	version  string
	// path is relative to the version.
	path string
	// text says what changed, and what comes of it.
	text string
	// narrows: what was valid may no longer be.
	narrows bool
	// kind and where are how a harmless change is summed up.
	kind, where string
}

// flaw makes a change critical once there are objects that it can have made invalid.
func (c change) flaw(failing *audit.Trace) flaw {
	f := flaw{severity: c.severity, version: c.version, path: c.path, text: c.text}
	if c.narrows && failing != nil {
		f.severity = audit.Critical
		f.summary = c.text + "; objects fail the schema now"
		f.text = fmt.Sprintf("%s; %s fail the schema now, for example %s", c.text, plural(failing.Objects, "object"), failing.Sample)
		if failing.Objects == 1 {
			f.text = fmt.Sprintf("%s; the object %s fails the schema now", c.text, failing.Sample)
		}
	}
	return f
}

// summarize makes one finding of all changes that break nothing.
func summarize(harmless []change) []audit.Finding {
	if len(harmless) == 0 {
		return nil
	}
	places := map[string][]string{}
	for _, c := range harmless {
		if !slices.Contains(places[c.kind], c.where) {
			places[c.kind] = append(places[c.kind], c.where)
		}
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(places)) {
		where := places[kind]
		slices.Sort(where)
		words = append(words, fmt.Sprintf("%s (%s)", kind, some(where)))
	}
	return []audit.Finding{{
		Severity: audit.Info, Path: ".spec.versions",
		Message:     "the last revision made changes that break no object: " + strings.Join(words, "; "),
		Remediation: "Nothing, unless a client cannot cope with values that are new to it.",
	}}
}

// compareRevisions finds what two revisions of a CRD have different, by version.
func compareRevisions(earlier, current *audit.CRD) ([]change, error) {
	c, err := newComparison()
	if err != nil {
		return nil, err
	}
	changes := c.whole(earlier, current)
	for i := range earlier.Spec.Versions {
		before := &earlier.Spec.Versions[i]
		after := current.Version(before.Name)
		if gone, ok := unserved(before.Name, before.Served, before.Deprecated, after); ok {
			changes = append(changes, gone)
		}
		if !before.Served || after == nil || !after.Served || before.Schema == nil || after.Schema == nil ||
			apiequality.Semantic.DeepEqual(before.Schema, after.Schema) {
			continue
		}
		changes = append(changes, c.between(before.Name, before.Schema.OpenAPIV3Schema, after.Schema.OpenAPIV3Schema)...)
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(b.severity, a.severity) })
	return changes, nil
}

// unserved: clients of a version fail once it is gone. To give up one that was
// deprecated is the proper way.
func unserved(name string, served, deprecated bool, after *audit.Version) (change, bool) {
	if !served || after != nil && after.Served {
		return change{}, false
	}
	if deprecated {
		return change{severity: audit.Info, kind: "deprecated versions are no longer served", where: name}, true
	}
	text := "no longer served, and it was not marked deprecated before; clients that use it fail"
	if after == nil {
		text = "gone, and it was not marked deprecated before; clients that use it fail, and so does server-side apply to objects that managedFields say were written in it"
	}
	return change{severity: audit.High, version: name, path: ".served", text: text}, true
}
