package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"github.com/crdwatch/crdwatch/test/defects"
)

// found is what this test reads of a finding, as the interface has it.
type found struct {
	Rule, Message, Remediation string
	Subject                    struct{ Group, Resource, Namespace, Name string }
	Samples                    []string
}

// of reports whether the finding is that of a defect.
func (f found) of(d defects.Defect) bool {
	object := f.Subject.Name
	if f.Subject.Namespace != "" {
		object = f.Subject.Namespace + "/" + object
	}
	return f.Rule == d.Rule && f.Subject.Resource+"."+f.Subject.Group == d.Resource &&
		(object == d.Object || slices.Contains(f.Samples, d.Object))
}

// checkAudit: crdwatch audit shows each planted defect, and what to do about it.
func (c *cluster) checkAudit(t *testing.T) {
	const crds = "customresourcedefinitions.apiextensions.k8s.io"
	want := append(slices.Concat(planted(), late()),
		defects.Defect{Rule: "CRD001", Resource: crds, Object: "queues.demo.crdwatch.io"},
		defects.Defect{Rule: "CRD007", Resource: crds, Object: "caches.demo.crdwatch.io"},
	)
	cmd := exec.CommandContext(t.Context(), crdwatch, "audit", "--kubeconfig", c.kubeconfig, "-o", "json", "--fail-on", "none", "--allow-partial")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("crdwatch audit: %v", err)
	}
	var report struct{ Findings []found }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	for _, d := range want {
		i := slices.IndexFunc(report.Findings, func(f found) bool { return f.of(d) })
		if i < 0 {
			t.Errorf("%s is not found in %s %s (%s)", d.Rule, d.Resource, d.Object, d.Story)
			continue
		}
		if f := report.Findings[i]; f.Message == "" || f.Remediation == "" {
			t.Errorf("the finding says nothing: %+v", f)
		}
	}
}
