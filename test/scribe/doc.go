// Package scribe writes custom resources at random, and knows of every write what
// must be reported of it. A Team has several Writers and one Ledger of what they
// wrote; a Judge compares a history of events with it.
//
// The ledger is kept without any diff and without reading back what was written: a
// Writer has a model of each object, changes that, and says which fields it changed.
//
// It refuses to judge managers beyond the last write of a field, and times.
package scribe
