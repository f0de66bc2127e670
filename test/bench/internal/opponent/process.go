package opponent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Command is the argument that makes a program a process that calls Serve.
const Command = "measure"

// Serve is Run, with the options from in and the result to out.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var o Options
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("reading the options: %w", err)
	}
	result, err := Run(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// Measure runs this program again to measure one of the programs there, when the API server
// has next to nothing to do.
func Measure(ctx context.Context, o Options, log io.Writer) (result Result, err error) {
	if err := Quiet(ctx, o.ServerPID); err != nil {
		return result, err
	}
	self, err := os.Executable()
	if err != nil {
		return result, err
	}
	in, err := json.Marshal(o)
	if err != nil {
		return result, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, Command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, log
	if err := cmd.Run(); err != nil {
		return result, fmt.Errorf("measuring %s: %w", o.Program, errors.Join(err, ctx.Err()))
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		return result, fmt.Errorf("measuring %s: reading its result: %w", o.Program, err)
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
