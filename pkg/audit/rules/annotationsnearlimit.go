package rules

import (
	"errors"
	"fmt"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

// annotationsNear is too near to what the API server allows for all keys and values
// together.
var annotationsNear = audit.Threshold[audit.Bytes]{
	Name: "size", Default: 200 << 10, Min: 1, Max: audit.Bytes(apivalidation.TotalAnnotationSizeLimitB), Doc: "the size from which annotations are near the limit",
}

func annotationsNearLimit() audit.Rule {
	return audit.Rule{
		ID: "CR013", Name: "annotations-near-limit", Severity: audit.Low, About: audit.AboutObject, Doc: doc("CR013"),
		Remediation: "Apply with kubectl apply --server-side, which keeps no copy of the object in an annotation; move other large annotations elsewhere.",
		Check:       checkAnnotationsNearLimit,
		Thresholds:  []audit.Adjustable{annotationsNear},
	}
}

func checkAnnotationsNearLimit(in *audit.Input) ([]audit.Finding, error) {
	o, near := in.Object, int(annotationsNear.In(in))
	if o.Size < near {
		return nil, nil
	}
	total := max(o.AnnotationBytes, audit.AnnotationBytes(o.Object))
	largest, hidden := largestAnnotation(o.GetAnnotations())
	if total < near {
		if o.AnnotationBytes == 0 && hidden != "" {
			return nil, errors.New("measuring the annotations: some are redacted, and nobody measured them before")
		}
		return nil, nil
	}
	most := largest + " is the largest"
	if hidden != "" {
		// A copy of the whole object, next to which the rest is small.
		most = hidden + " is probably the largest"
	}
	rest := fmt.Sprintf("of the %s that the API server allows (%s); a write that exceeds the limit is rejected",
		bytesText(apivalidation.TotalAnnotationSizeLimitB), most)
	return []audit.Finding{{
		Path:    ".metadata.annotations",
		Message: fmt.Sprintf("the annotations take %s %s", bytesText(total), rest),
		Summary: fmt.Sprintf("the annotations take %s or more %s", bytesText(near), rest),
	}}, nil
}

// largestAnnotation names the largest annotation, and one that is redacted.
func largestAnnotation(annotations map[string]string) (largest, hidden string) {
	size := -1
	for key, value := range annotations {
		if n := len(key) + len(value); n > size || n == size && key < largest {
			largest, size = key, n
		}
		if diff.IsMask(value) && (hidden == "" || key < hidden) {
			hidden = key
		}
	}
	return largest, hidden
}
