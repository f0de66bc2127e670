package opponent

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/child"
)

// Command is the argument that makes a program a process that calls child.Serve with Run.
const Command = "measure"

// Measure runs this program again to measure one of the programs there, when the API server
// has next to nothing to do.
func Measure(ctx context.Context, o Options, log io.Writer) (Result, error) {
	if err := Quiet(ctx, o.ServerPID); err != nil {
		return Result{}, err
	}
	result, err := child.Run[Options, Result](ctx, Command, o, log)
	if err != nil {
		return result, fmt.Errorf("measuring %s: %w", o.Program, err)
	}
	return result, nil
}

// Quiet waits until a process has next to nothing to do. It gives up after a minute:
// something is always going on in an API server.
func Quiet(ctx context.Context, pid int) error {
	const enough, width = time.Minute, time.Second
	deadline := time.NewTimer(enough)
	defer deadline.Stop()
	tick := time.NewTicker(width)
	defer tick.Stop()
	before, err := ProcessCPU(pid)
	for err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
		var now time.Duration
		now, err = ProcessCPU(pid)
		if err == nil && now-before < width/5 {
			return nil
		}
		before = now
	}
	return err
}
