package diff

// Op says what happened to a field. The words are those of JSON Patch (RFC 6902).
type Op string

// The operations that a Change can carry.
const (
	Add     Op = "add"
	Remove  Op = "remove"
	Replace Op = "replace"
)

// Change is one field that differs between two revisions of an object. Its JSON
// form is part of the event contract.
type Change struct {
	// Path is the field's path in the notation of managedFields
	// (sigs.k8s.io/structured-merge-diff/v6/fieldpath):
	// .status.conditions[type="Ready"].status, .spec.set["value"], .spec.items[3].
	Path string `json:"path"`
	Op   Op     `json:"op"`
	// Old and New are JSON values (string, bool, int64, float64, nil, map, slice),
	// shared with the compared objects: read-only. Old is nil for Add, New for Remove.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
	// Manager is the field manager that wrote the change, with its operation
	// (Apply or Update) and subresource ("" for the object itself). All three are
	// empty when managedFields does not tell.
	Manager     string `json:"manager"`
	Operation   string `json:"operation"`
	Subresource string `json:"subresource"`
	// Section is the top-level field that the change lies in: spec, status,
	// metadata or whatever the type calls it.
	Section string `json:"section"`
}
