package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/recorder"
)

// recordCommand makes this program a child that feeds a Recorder.
const recordCommand = "record"

// record feeds the entries of the history in source to a Recorder without a store, and
// to one with, each in a process of its own.
func (h *history) record(ctx context.Context, source, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, v := range []struct{ column, dir string }{{inMemory, ""}, {withHistory, filepath.Join(dir, "data")}} {
		if err := opponent.Quiet(ctx, h.cp.PID()); err != nil {
			return err
		}
		r, err := recordInChild(ctx, recorder.Options{Source: source, Dir: v.dir, Duration: h.full}, h.log)
		if err != nil {
			return err
		}
		h.say("%s: %-20s %d events recorded in %s", historyScenario, v.column, r.Events, r.Elapsed.Round(time.Millisecond))
		h.results.engine[v.column] = append(h.results.engine[v.column], r)
	}
	return nil
}

func recordInChild(ctx context.Context, o recorder.Options, log io.Writer) (r recorder.Result, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	in, err := json.Marshal(o)
	if err != nil {
		return r, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, recordCommand)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, log
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("feeding a recorder: %w", errors.Join(err, ctx.Err()))
	}
	return r, json.Unmarshal(out.Bytes(), &r)
}
