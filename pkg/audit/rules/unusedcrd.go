package rules

import (
	"errors"
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var unusedPatience = audit.Threshold[time.Duration]{Name: "after", Default: 30 * 24 * time.Hour, Doc: "how long a CRD may be without objects"}

func unusedCRD() audit.Rule {
	return audit.Rule{
		ID: "CRD013", Name: "unused-crd", Severity: audit.Low, About: audit.AboutCRD, Doc: doc("CRD013"),
		Remediation: "Confirm that no controller needs the kind, then uninstall what brought the CRD.",
		Check:       checkUnusedCRD,
		Thresholds:  []audit.Adjustable{unusedPatience},
	}
}

func checkUnusedCRD(in *audit.Input) ([]audit.Finding, error) {
	if in.Census == nil || in.Offline || in.Census.Objects > 0 || in.CRD.DeletionTimestamp != nil {
		return nil, nil
	}
	used, known := siblingsUsed(in)
	switch {
	case used:
		return nil, nil
	case !known:
		return nil, errors.New("telling whether the CRD is unused: the objects of its sibling CRDs could not all be counted")
	}
	since, patience := lastUsed(in), unusedPatience.In(in)
	return []audit.Finding{{
		Since: since, Due: since.Add(patience),
		Message: fmt.Sprintf("no objects for over %s, as far as is known, and none of the other CRDs of its organisation has any", lasting(patience)),
	}}, nil
}

// siblingsUsed reports whether another CRD of the same organisation has objects: then
// the software is in use, and this is a part of it that nobody happens to need. It is
// not known when objects of some could not be counted and no others are there.
func siblingsUsed(in *audit.Input) (used, known bool) {
	known = len(in.Peers) > 0
	own := organisation(in.CRD.Spec.Group)
	for _, p := range in.Peers {
		if p.CRD == in.CRD.Name || organisation(p.Group) != own {
			continue
		}
		if p.Objects > 0 {
			return true, true
		}
		known = known && p.Objects == 0
	}
	return false, known
}

// lastUsed is the latest time of which an object is known, or that of the CRD itself.
func lastUsed(in *audit.Input) time.Time {
	last := in.CRD.CreationTimestamp.Time
	if in.Census.Created.After(last) {
		last = in.Census.Created
	}
	for _, g := range in.Census.Growth {
		if g.Objects > 0 && g.Time.After(last) {
			last = g.Time
		}
	}
	return last
}
