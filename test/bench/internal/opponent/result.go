package opponent

import "time"

// Result is what one process measured of itself. Sizes are bytes, CPU times are
// those of user and kernel together.
type Result struct {
	Program string
	// Sync is the time from the start of the program until it knew every object.
	Sync time.Duration
	// CPU is what the process used in that time; ServerCPU what the API server
	// (with etcd) used, and OtherCPU everything else on the machine.
	CPU, ServerCPU, OtherCPU time.Duration
	// IdleCPU is what the process used while it was left in peace.
	IdleCPU time.Duration
	// Idle is the process before the program. Synced is at the end of Sync,
	// Standing a while later as it stands, Collected after a garbage collection
	// that gave free memory back to the system.
	Idle, Synced, Standing, Collected Memory
	// Goroutines and Connections (open ones to the API server) are of Standing.
	IdleGoroutines, Goroutines, Connections int
	// Dialled counts all TCP connections that were ever made, Requests what was
	// asked over them, by verb.
	Dialled  int
	Requests map[string]int
	// Objects are the custom resources that the program knew. Bytes is what the
	// raw reader read of them.
	Objects int
	Bytes   int64
}

// Memory is a process at one moment.
type Memory struct {
	// RSS is resident memory, Peak the most that it has been.
	RSS, Peak uint64
	// Heap is live and not yet collected heap, Stacks that of all goroutines.
	Heap, Stacks uint64
	// Allocated is the heap ever allocated, GCs the collections so far.
	Allocated uint64
	GCs       uint32
}
