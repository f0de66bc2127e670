package main

import (
	"errors"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// spent is the CPU that was used in a time, and by whom.
type spent struct {
	Elapsed time.Duration
	// Program is crdwatch, Server the API server with etcd, Bench what writes and
	// listens, Other everything else on the machine.
	Program, Server, Bench, Other time.Duration
}

// share is how many CPUs something used on average.
func (s spent) share(used time.Duration) float64 {
	return used.Seconds() / s.Elapsed.Seconds()
}

// machine is how many CPUs were busy.
func (s spent) machine() float64 {
	return s.share(s.Program + s.Server + s.Bench + s.Other)
}

// meterReading is what everyone has used since they began.
type meterReading struct {
	at                              time.Time
	program, server, bench, machine time.Duration
}

// meter reads the times. A program that has not begun has no process, 0.
func (h *history) meter(pid int) (meterReading, error) {
	r := meterReading{at: time.Now()}
	var errs [4]error
	if pid != 0 {
		r.program, errs[0] = opponent.ProcessCPU(pid)
	}
	r.server, errs[1] = opponent.ProcessCPU(h.cp.PID())
	r.bench, errs[2] = opponent.OwnCPU()
	r.machine, errs[3] = opponent.MachineCPU()
	return r, errors.Join(errs[:]...)
}

func (r meterReading) since(before meterReading) spent {
	s := spent{
		Elapsed: r.at.Sub(before.at), Program: r.program - before.program,
		Server: r.server - before.server, Bench: r.bench - before.bench,
	}
	s.Other = max(0, r.machine-before.machine-s.Program-s.Server-s.Bench)
	return s
}
