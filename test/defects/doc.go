// Package defects produces defects in a cluster, each the way it comes about in
// life: by what users, controllers and upgrades do to CRDs and their objects, one
// after another, through the API server. It is where the audit rules that depend on
// the behaviour of the API server are held against it, and what the demo shows.
//
// It owns the defects and what is to be found of each. It refuses to know how they
// are found.
package defects
