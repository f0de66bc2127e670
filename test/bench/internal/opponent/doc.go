// Package opponent runs one program that watches every custom resource, and
// measures what that costs the process it runs in.
//
// It owns the programs (see Names) and the figures of one process (Result). It
// refuses to compare: each program has a process of its own, started by the
// benchmark, and knows nothing of the others. It needs Linux, for /proc.
//
// # One measurement
//
// Run measures the idle process, which has the same imports whatever the program,
// then starts the program and waits until it knows every object of every resource.
// That is the time to sync; the peak is the process's own high-water mark at that
// moment. Then it leaves the program in peace for a while and measures what it
// takes as it stands, and once more after a garbage collection that gives free
// memory back: that is the least it can live with, and where heap is compared.
package opponent
