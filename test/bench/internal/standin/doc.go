// Package standin runs the stand-in for an API server (package load) in a process of its
// own, so that what it takes is not taken for the client's.
//
// It owns that process, and the words that are passed to it: one line of JSON each way.
package standin
