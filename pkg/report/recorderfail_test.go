package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
)

func TestFullDiskLosesNothingAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &disk{err: fmt.Errorf("committing to /secret/path: %w", store.ErrFull)}
		r := startRecording(t.Context(), d, RecorderOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		r.Record(one("a", 2))
		<-time.After(150 * time.Second)
		r.Record(one("b", 1))
		synctest.Wait()
		if err := r.Ready(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Ready: %v", err)
		}
		if err := r.Alive(); err != nil {
			t.Errorf("waiting for space is no reason to be restarted: %v", err)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d lines in 150 s:\n%s", n, &log)
		}
		d.fail(nil)
		<-time.After(fullRetryMax)
		synctest.Wait()
		if err := r.Ready(); err != nil {
			t.Errorf("with space again: %v", err)
		}
		r.stop(t)
		if diff := cmp.Diff([][]uint64{{101, 102}, {103}}, d.kept()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFullDiskAtTheEndIsTriedOnceMore(t *testing.T) {
	for name, tc := range map[string]struct {
		then error
		kept int
		logs string
	}{
		"still full": {store.ErrFull, 0, "changes=2"},
		"room":       {nil, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				d := &disk{err: store.ErrFull}
				ctx, cancel := context.WithCancel(t.Context())
				size := one("a", 1)
				r := startRecording(ctx, d, RecorderOptions{
					MaxBytes: 2*entrySize(&size) + 1, Log: slog.New(slog.NewTextHandler(&log, nil)),
				})
				r.Record(one("a", 1))
				synctest.Wait()
				r.Record(one("a", 1))
				blocked := make(chan struct{})
				go func() { defer close(blocked); r.Record(one("a", 1)) }()
				synctest.Wait()
				before := len(d.begun())
				d.fail(tc.then)
				cancel()
				<-blocked // the monitors can end
				r.stop(t)
				if tries := len(d.begun()) - before; tc.then != nil && tries != 1 {
					t.Errorf("tried %d times", tries)
				}
				if got := len(d.kept()) > 0; got != (tc.kept > 0) || !strings.Contains(log.String(), tc.logs) {
					t.Errorf("kept %v\n%s", d.kept(), &log)
				}
			})
		})
	}
}

func TestAnyOtherErrorEndsItAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the disk is gone")
		d := &disk{hold: make(chan error)}
		size := one("a", 1)
		r := startRecording(t.Context(), d, RecorderOptions{MaxBytes: entrySize(&size)})
		r.Record(one("a", 1))
		blocked := make(chan struct{})
		go func() { defer close(blocked); r.Record(one("b", 1)) }()
		synctest.Wait()
		d.hold <- broken
		if err := <-r.ended; !errors.Is(err, broken) || !strings.Contains(err.Error(), "keeping the history") {
			t.Errorf("got %v", err)
		}
		<-blocked
		for range 10 {
			r.Record(one("c", 1)) // does not block for ever
		}
		if err := r.Alive(); err == nil {
			t.Error("alive without a writer")
		}
		if got := read(t, r.ledger, Cursor{}); len(got) > 0 || len(d.kept()) > 0 {
			t.Errorf("%v can be seen, %v is kept", got, d.kept())
		}
	})
}

func TestCommitThatDoesNotComeBackIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hold: make(chan error)}
		r := startRecording(t.Context(), d, RecorderOptions{})
		r.Record(one("a", 1))
		<-time.After(stuckAfter)
		if err := r.Alive(); err != nil {
			t.Errorf("slow: %v", err)
		}
		<-time.After(time.Second)
		if err := r.Alive(); err == nil {
			t.Error("stuck, and alive")
		}
		d.hold <- nil
		synctest.Wait()
		if err := r.Alive(); err != nil {
			t.Errorf("back: %v", err)
		}
		r.stop(t)
		if err := r.Alive(); err != nil {
			t.Errorf("ended as it was told: %v", err)
		}
	})
}

func TestCommitsAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics(Build{})
		d := &disk{hold: make(chan error)}
		r := startRecording(t.Context(), d, RecorderOptions{Metrics: m})
		if err := m.Watch(watched(cluster()), r); err != nil {
			t.Fatal(err)
		}
		none := families(t, m)
		if none["crdwatch_last_commit_timestamp_seconds"] != nil || none["crdwatch_commit_duration_seconds"] != nil {
			t.Error("there was no commit yet")
		}
		r.Record(one("a", 1))
		<-time.After(3 * time.Second)
		_, bytes := r.QueueStats()
		waiting := families(t, m)
		if got := *waiting["crdwatch_queue_depth"].Metric[0].Gauge.Value; got != 7+1 {
			t.Errorf("depth %v", got)
		}
		if got := *waiting["crdwatch_queue_bytes"].Metric[0].Gauge.Value; got != float64(4096+bytes) {
			t.Errorf("bytes %v", got)
		}
		d.hold <- nil
		synctest.Wait()
		kept := families(t, m)
		at := float64(time.Now().UnixMicro()) / 1e6
		if got := *kept["crdwatch_last_commit_timestamp_seconds"].Metric[0].Gauge.Value; got != at {
			t.Errorf("last commit at %v, want %v", got, at)
		}
		if got := kept["crdwatch_commit_duration_seconds"].Metric[0].Histogram; *got.SampleSum != 3 || *got.SampleCount != 1 {
			t.Errorf("took %v", got)
		}
		r.stop(t)
	})
}
