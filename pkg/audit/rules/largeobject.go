package rules

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	largeSize = audit.Threshold[audit.Bytes]{Name: "medium", Default: 512 << 10, Min: 1, Doc: "the size as JSON from which an object is large"}
	hugeSize  = audit.Threshold[audit.Bytes]{Name: "high", Default: 1 << 20, Min: 1, Doc: "the size from which the severity is high"}
)

const (
	// etcdLimit is what etcd takes by default (--max-request-bytes).
	etcdLimit = 3 << 19
	// largePiece: a part is named if it makes up at least one in so many of the whole.
	largePiece = 2
)

func largeObject() audit.Rule {
	return audit.Rule{
		ID: "CR011", Name: "large-object", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR011"),
		Remediation: "Split the object, or move what is large out of it: into a ConfigMap of its own, or out of the cluster.",
		Check:       checkLargeObject,
		Thresholds:  []audit.Adjustable{largeSize, hugeSize},
	}
}

func checkLargeObject(in *audit.Input) ([]audit.Finding, error) {
	severity, size := audit.Medium, audit.Bytes(in.Object.Size)
	switch {
	case size >= hugeSize.In(in):
		severity = audit.High
	case size < largeSize.In(in):
		return nil, nil
	}
	path, piece := largest(in.Object.Object, "", in.Object.Size)
	return []audit.Finding{{
		Severity: severity, Path: path,
		Message: fmt.Sprintf("the object is %s of JSON, and etcd's limit is %s by default; most of it, about %s, is at %s",
			bytesText(in.Object.Size), bytesText(etcdLimit), bytesText(piece), path),
		Summary: fmt.Sprintf("the object is large: etcd's limit is %s by default; most of it is at %s", bytesText(etcdLimit), audit.NormalizePath(path)),
	}}, nil
}

// largest returns the smallest part of a value that makes up most of it.
func largest(value any, path string, size int) (string, int) {
	best, bestSize, bestPath := any(nil), 0, ""
	each(value, func(below string, part any) {
		if n := encodedSize(part); n > bestSize || n == bestSize && below < bestPath {
			best, bestSize, bestPath = part, n, below
		}
	})
	if bestSize*largePiece < size {
		if path == "" {
			return bestPath, bestSize // nothing stands out, but something is the largest
		}
		return path, size
	}
	return largest(best, path+bestPath, bestSize)
}

// each calls f for each part of a map or list.
func each(value any, f func(below string, part any)) {
	switch value := value.(type) {
	case map[string]any:
		for key, part := range value {
			f("."+key, part)
		}
	case []any:
		for i, part := range value {
			f("["+strconv.Itoa(i)+"]", part)
		}
	}
}

// encodedSize is that of a value as JSON.
func encodedSize(value any) int {
	text, err := json.Marshal(value)
	if err != nil {
		return 0
	}
	return len(text)
}
