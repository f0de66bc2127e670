// Package realcrds tests crdwatch with the CRDs that people really run: several
// hundred of them, from the public Go modules of their projects, fetched by pinned
// version with the ordinary Go client when the test runs. None of them is kept in
// this repository; only their names are, in testdata, so that a change of what is
// tested is seen.
//
// The test installs them all in one control plane and watches it. For each CRD it
// makes an object from nothing but the CRD's schema (see internal/sample), lets
// several managers write to it, and compares the events with what the API server
// answered to each write. What a change should look like is worked out here a second
// time, by other means than package diff does (see oracle_test.go), and the paths
// must be those that the API server itself wrote to managedFields.
//
// What does not work for every CRD is listed in exceptions_test.go, with the reason.
// The list is exact: an entry that works after all fails the test.
//
// A module that cannot be fetched fails the test. The first run downloads some
// 200 MB to Go's module cache; this module's go.mod never sees them.
package realcrds
