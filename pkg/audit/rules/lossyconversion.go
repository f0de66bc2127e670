package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func lossyNoneConversion() audit.Rule {
	return audit.Rule{
		ID: "CRD005", Name: "lossy-none-conversion", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD005"),
		Remediation: "Add the fields to the poorer version's schema, convert with a webhook, or stop serving one of the versions.",
		Check:       checkLossyConversion,
		Thresholds:  []audit.Adjustable{writerMemory},
	}
}

// mismatch is how a served version and the storage version differ. Every write and every
// read goes through the storage version, so no other pair matters.
type mismatch struct {
	version, storage string
	// destroyed has the stored fields that a write through the version takes away,
	// unstored those of the version that are never stored.
	destroyed, unstored, retyped []string
}

func checkLossyConversion(in *audit.Input) ([]audit.Finding, error) {
	mismatches, _ := in.CRD.Derive("CRD005", func() any { return mismatchesOf(in.CRD) }).([]mismatch)
	var findings []audit.Finding
	for i := range mismatches {
		findings = append(findings, mismatches[i].findings(in)...)
	}
	return findings, nil
}

func mismatchesOf(crd *audit.CRD) []mismatch {
	c, storage, served := crd.Spec.Conversion, crd.Storage(), crd.Served()
	if c != nil && c.Strategy != apiextensionsv1.NoneConverter || storage == nil || len(served) < 2 || crd.Spec.PreserveUnknownFields {
		return nil
	}
	stored, _ := storage.Structural()
	if stored == nil {
		return nil // CRD003 speaks of a schema that is not structural
	}
	var mismatches []mismatch
	for _, v := range served {
		s, _ := v.Structural()
		if v.Storage || s == nil {
			continue
		}
		down, up := gapOf(stored, s), gapOf(s, stored)
		m := mismatch{version: v.Name, storage: storage.Name, destroyed: down.missing, unstored: up.missing}
		m.retyped = append(down.retyped, up.retyped...)
		slices.Sort(m.retyped)
		m.retyped = slices.Compact(m.retyped)
		if len(m.destroyed)+len(m.unstored)+len(m.retyped) > 0 {
			mismatches = append(mismatches, m)
		}
	}
	return mismatches
}

// findings are one, and a graver one as long as somebody seems to write the version.
func (m *mismatch) findings(in *audit.Input) []audit.Finding {
	f := audit.Finding{
		Severity: m.severity(), Path: versionPath(m.version) + ".schema", Since: in.CRD.Edited(),
		Summary: fmt.Sprintf("conversion is None, and %s has not the same fields as the storage version %s", m.version, m.storage),
	}
	f.Message = fmt.Sprintf("%s: %s", f.Summary, strings.Join(m.consequences(), "; "))
	var writers []string
	var last time.Time
	for _, w := range writersIn(in, m.version) {
		writers = append(writers, w.Manager)
		last = later(last, in.Census.Writers[w].Newest)
	}
	if len(writers) == 0 {
		return []audit.Finding{f}
	}
	written := f
	written.Severity++
	written.Message += fmt.Sprintf("; %s was written by %s, last at %s", m.version, some(slices.Compact(writers)), stamp(last))
	if !last.IsZero() {
		written.Until = last.Add(writerMemory.In(in))
	}
	return []audit.Finding{written, f}
}

// severity is that of a version that nobody writes. A new storage version often leaves
// fields out on purpose, and what stands in the status its controller writes again.
func (m *mismatch) severity() audit.Severity {
	severity := audit.High
	if len(m.destroyed)+len(m.retyped) == 0 {
		severity--
	}
	inStatus := func(path string) bool { return path == ".status" || strings.HasPrefix(path, ".status.") }
	for _, path := range slices.Concat(m.destroyed, m.unstored, m.retyped) {
		if !inStatus(path) {
			return severity
		}
	}
	return severity - 1
}

func (m *mismatch) consequences() []string {
	var told []string
	if len(m.destroyed) > 0 {
		told = append(told, fmt.Sprintf("%s lacks %s, and who reads an object through it and writes it back destroys what stands there", m.version, some(m.destroyed)))
	}
	if len(m.unstored) > 0 {
		told = append(told, fmt.Sprintf("%s lacks %s, and what is written there through %s is never stored", m.storage, some(m.unstored), m.version))
	}
	if len(m.retyped) > 0 {
		told = append(told, fmt.Sprintf("they have different types for %s, and what one accepts the other rejects", some(m.retyped)))
	}
	return told
}
