package audit

import "k8s.io/apimachinery/pkg/runtime/schema"

// Snapshot is what somebody who audits all the time knows at one moment, in no order.
// The slices are the caller's; what is in them is shared and read-only.
type Snapshot struct {
	// Open are the findings that hold, each by itself.
	Open []*Finding
	// Suppressed hold too, but are passed over.
	Suppressed []*Finding
	// NotEvaluated could not be judged, or not yet: of what is not found there, nothing
	// is known.
	NotEvaluated []Unevaluated
}

// Class is what findings are counted by.
type Class struct {
	Rule     string
	Severity Severity
}

// Conditions are how many objects of a resource say what of themselves.
type Conditions struct {
	Resource schema.GroupResource
	Objects  map[Condition]int
}
