// Package diff compares two revisions of a custom resource the way the API
// server's field manager does, and says which manager wrote each field that
// changed.
//
// It owns three things, all pure functions of their arguments: the Schema of one
// version of a resource (made from the CRD's own OpenAPI schema, so that an
// associative list is compared by its keys and a changed path reads exactly as it
// does in managedFields), the list of Changes between two objects, and the
// redaction of sensitive values.
//
// It refuses to do I/O, to keep objects, and to guess: a change that no entry of
// managedFields accounts for has no manager.
//
// # One change's way through the package
//
// The status controller "operator" sets the Ready condition to False:
//
//	old  {"status":{"conditions":[{"type":"Ready","status":"True"}]}}
//	new  {"status":{"conditions":[{"type":"Ready","status":"False"}]}}
//
// Schema.Diff finds, by the rules of structured-merge-diff, that the leaf
// .status.conditions[type="Ready"].status was modified, reads its value from both
// objects, and looks for the entry of the new managedFields that owns the leaf:
//
//	Change{
//		Path: `.status.conditions[type="Ready"].status`, Op: Replace,
//		Old: "True", New: "False",
//		Manager: "operator", Operation: "Update", Subresource: "status",
//		Section: "status",
//	}
package diff
