// Package load is a stand-in for an API server that has so many CustomResourceDefinitions
// and objects that the real one would need many gigabytes for them: two thousand types, a
// million objects, thousands of changes a second, from a process of some hundred megabytes
// that next to nothing of a CPU goes into. So what is measured on one machine is the
// client, and not the server.
//
// It owns the answers to the requests that a watching client makes: lists in pages, counts,
// watches with and without the initial objects, bookmarks, "410 Gone", metadata instead of
// objects, and the same of the CRDs. Its tests hold them against those of a real API server,
// field by field. It refuses everything that changes something: changes are its own, drawn
// from a seed, as fast as it is told to (Server.Change). Who asks is not looked at.
//
// # How it does with so little
//
//	synth     makes up a few types and a few objects of each. Their JSON, as an API server
//	          would write it, becomes a template: bytes with holes.
//	template  is filled with what differs: names, UIDs, resourceVersions, and the fields
//	          that changes touch. No object exists but in the buffer that is being sent.
//	slot      is all that is known of an object: how often it was changed, and when last.
//	table     has the slots of one resource, and its latest changes for those who watch.
//
// So objects of one type are alike, more than real ones are, but for what is drawn for each:
// a compression that learns from some objects finds in the others what it would find in
// real ones that are made by one template, as Helm's and Crossplane's are.
//
// # What it does not have
//
// Objects come in the order of their numbers, not of their names. A list at an old
// resourceVersion is answered only if nothing has changed since; otherwise it is gone.
// Compression is not offered. Selectors, and namespaces in paths, are not understood: asking
// for them is an error, not everything.
package load
