package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/child"
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
		o := recorder.Options{Source: source, Dir: v.dir, Duration: h.full}
		r, err := child.Run[recorder.Options, recorder.Result](ctx, recordCommand, o, h.log)
		if err != nil {
			return fmt.Errorf("feeding a recorder: %w", err)
		}
		h.say("%s: %-20s %d events recorded in %s", historyScenario, v.column, r.Events, r.Elapsed.Round(time.Millisecond))
		h.results.engine[v.column] = append(h.results.engine[v.column], r)
	}
	return nil
}
