package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/scan"
	"github.com/crdwatch/crdwatch/pkg/report"
)

func (o *auditOptions) auditFiles(ctx context.Context, options scan.Options, print *report.AuditOptions) (*audit.Report, error) {
	manifests, err := scan.ReadManifests(o.files, o.streams.in)
	switch {
	case err != nil:
		return nil, err
	case len(manifests) == 0: // what made it has failed
		return nil, fmt.Errorf("reading manifests: there is none in %s", strings.Join(o.files, ", "))
	}
	earlier, err := o.readEarlier(manifests)
	if err != nil {
		return nil, err
	}
	print.Source = scan.Sources(manifests)
	return scan.RunFiles(ctx, options, manifests, earlier)
}

// readEarlier reads what --against names. That nothing can be compared must not look as if
// nothing had changed.
func (o *auditOptions) readEarlier(manifests []scan.Manifest) ([]scan.Manifest, error) {
	if len(o.against) == 0 {
		return nil, nil
	}
	earlier, err := scan.ReadManifests(o.against, o.streams.in)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	names := crdNames(earlier)
	if len(names) == 0 {
		return nil, fmt.Errorf("--against: there is no CRD in %s", strings.Join(o.against, ", "))
	}
	for _, name := range crdNames(manifests) {
		if slices.Contains(names, name) {
			return earlier, nil
		}
	}
	o.say("--against has an earlier revision of none of the CRDs: nothing is compared")
	return earlier, nil
}

func crdNames(manifests []scan.Manifest) []string {
	var names []string
	for i := range manifests {
		if manifests[i].IsCRD() {
			names = append(names, manifests[i].GetName())
		}
	}
	return names
}
