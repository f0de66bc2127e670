package rules

import (
	"encoding/json"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// integers decodes objects again as a Kubernetes client does: whole numbers are int64.
func integers(objects []map[string]any) []map[string]any {
	var out []map[string]any
	text, err := json.Marshal(objects)
	if err != nil {
		panic(err)
	}
	if err := utiljson.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}
