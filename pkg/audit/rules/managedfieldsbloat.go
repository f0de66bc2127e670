package rules

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	// maxEntries: the API server keeps at most 10 of those that update, and merges older
	// ones into "ancient-changes". There are more only where many managers apply.
	maxEntries = audit.Threshold[int]{Name: "entries", Default: 15, Doc: "how many entries there may be"}
	bloatShare = audit.Threshold[audit.Percent]{Name: "share", Default: 50, Max: 100, Doc: "how much of the object managedFields may take"}
	// bloatFloor: they are half of any small object.
	bloatFloor = audit.Threshold[audit.Bytes]{Name: "size", Default: 16 << 10, Min: 1, Doc: "the size of managedFields from which the share counts"}
)

// maxManagers is how many managers a message names.
const maxManagers = 5

func managedFieldsBloat() audit.Rule {
	return audit.Rule{
		ID: "CR014", Name: "managed-fields-bloat", Severity: audit.Low, About: audit.AboutObject, Doc: doc("CR014"),
		Remediation: "Give every writer one stable manager name (--field-manager), and remove the entries of names that are no longer used.",
		Check:       checkManagedFieldsBloat,
		Thresholds:  []audit.Adjustable{maxEntries, bloatShare, bloatFloor},
	}
}

func checkManagedFieldsBloat(in *audit.Input) ([]audit.Finding, error) {
	raw, _, _ := unstructured.NestedFieldNoCopy(in.Object.Object, "metadata", "managedFields")
	list, _ := raw.([]any)
	if most := maxEntries.In(in); len(list) > most {
		return []audit.Finding{tooManyEntries(in.Object, len(list), most)}, nil
	}
	floor, share := int(bloatFloor.In(in)), int(bloatShare.In(in))
	if in.Object.Size < floor {
		return nil, nil // spares the encoding of nearly all objects
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("measuring managedFields: %w", err)
	}
	percent := len(text) * 100 / in.Object.Size
	if len(text) < floor || percent <= share {
		return nil, nil
	}
	return []audit.Finding{{
		Path: ".metadata.managedFields",
		Message: fmt.Sprintf("managedFields take %s, %d %% of the object; every read and every watch event carries them",
			bytesText(len(text)), percent),
		Summary: fmt.Sprintf("managedFields take more than %d %% of the object; every read and every watch event carries them", share),
	}}, nil
}

func tooManyEntries(o *audit.Object, n, most int) audit.Finding {
	var managers []string
	for _, e := range o.Entries() {
		managers = append(managers, e.Manager)
	}
	return audit.Finding{
		Path:    ".metadata.managedFields",
		Message: fmt.Sprintf("managedFields have %d entries, of the managers %s; every one is compared on each write", n, atMost(maxManagers, quoted(managers))),
		Summary: fmt.Sprintf("managedFields have more than %d entries; every one is compared on each write", most),
	}
}
