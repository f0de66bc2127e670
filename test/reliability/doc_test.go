// Package reliability holds crdwatch to its promise about the history: the program as
// it is shipped, on a real API server, is killed, cut off, starved and restarted while
// objects are written, and then what is on disk is compared with what was written.
//
// Nothing may be missing, extra, there twice or in another order than it was written
// in, but for what a GAP excuses; and there is a GAP where the API server has lost
// history, one for each resource, and nowhere else. scribe.Judge says what that means.
//
// Sizes are flags. Their defaults are those of make test; make soak has its own.
package reliability
