package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"syscall"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// dataOptions are the flags of crdwatch serve about what it keeps.
type dataOptions struct {
	dir, retention, maxSize string
	// changed reports whether a flag was given.
	changed func(flag string) bool
}

func (o *dataOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.dir, "data-dir", "", "Directory in which the history is kept (default: in memory only)")
	flags.StringVar(&o.retention, "retention", "7d", "How long changes are kept in --data-dir, for example 12h or 30d; 0 is for ever")
	flags.StringVar(&o.maxSize, "max-size", "", "Most space that --data-dir may take, for example 10Gi; the oldest changes go first (default: no limit)")
}

func (o *dataOptions) validate() error {
	for _, flag := range []string{"retention", "max-size"} {
		if o.dir == "" && o.changed(flag) {
			return fmt.Errorf("--%s: has no meaning without --data-dir", flag)
		}
	}
	if o.dir == "" && o.changed("data-dir") {
		return errors.New("--data-dir: is empty")
	}
	if _, err := o.keepFor(); err != nil {
		return err
	}
	_, err := o.maxBytes()
	return err
}

// keepFor is the retention, in the form of Prometheus, which knows days.
func (o *dataOptions) keepFor() (time.Duration, error) {
	d, err := model.ParseDuration(o.retention)
	if err != nil {
		return 0, fmt.Errorf("--retention: %q is no duration such as 12h or 7d", o.retention)
	}
	return time.Duration(d), nil
}

// maxBytes is the size, in the form of Kubernetes; 0 for none.
func (o *dataOptions) maxBytes() (int64, error) {
	if o.maxSize == "" {
		return 0, nil
	}
	q, err := resource.ParseQuantity(o.maxSize)
	if err != nil {
		return 0, fmt.Errorf("--max-size: %q is no size such as 500Mi or 10Gi", o.maxSize)
	}
	if q.Sign() <= 0 {
		return 0, fmt.Errorf("--max-size: want more than nothing, got %s", o.maxSize)
	}
	return q.Value(), nil
}

// dataDir is what a server keeps: on disk, or without a store in memory.
type dataDir struct {
	store    *store.SQLite
	ledger   *report.Ledger
	recorder *report.Recorder
	log      *slog.Logger
	cluster  identity
	// kept is told of what is kept. It is set before anything is.
	kept func([]watch.Entry)
}

// openDataDir opens the store, if one is wanted, before anything else has begun. The
// caller calls close.
func openDataDir(ctx context.Context, o dataOptions, metrics *report.Metrics, log *slog.Logger) (*dataDir, error) {
	h := &dataDir{log: log, kept: func([]watch.Entry) {}}
	// No sequence number of an earlier process, or an earlier history, means anything
	// to one that begins.
	base := uint64(time.Now().UnixMicro())
	ledger := report.LedgerOptions{Base: base, Observe: metrics.Recorded, Log: log}
	recorder := report.RecorderOptions{Log: log, Metrics: metrics}
	if o.dir != "" {
		var err error
		if h.store, err = openStore(ctx, o, base, log); err != nil {
			return nil, explainHistory(err)
		}
		ledger.History, recorder.Store = h.store, h.store
	}
	var err error
	if h.ledger, err = report.OpenLedger(ctx, ledger); err != nil {
		return nil, errors.Join(err, h.close())
	}
	recorder.Ledger = h.ledger
	recorder.Kept = func(entries []watch.Entry) { h.kept(entries) }
	h.recorder = report.NewRecorder(recorder)
	return h, nil
}

func openStore(ctx context.Context, o dataOptions, base uint64, log *slog.Logger) (*store.SQLite, error) {
	retention, err := o.keepFor()
	if err != nil {
		return nil, err
	}
	maxBytes, err := o.maxBytes()
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, o.dir, store.Options{Base: base, Retention: retention, MaxBytes: maxBytes, Log: log})
}

// explainHistory adds the way out to errors that do not say it themselves.
func explainHistory(err error) error {
	var locked *store.LockedError
	var path *fs.PathError
	switch {
	case errors.As(err, &locked):
		return fmt.Errorf("%w: stop it, or name another --data-dir", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: make the directory writable for this user, or name another --data-dir", err)
	case errors.Is(err, store.ErrFull), errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: make room on that disk, or name another --data-dir", err)
	case errors.As(err, &path):
		return fmt.Errorf("--data-dir: %w", err)
	}
	return err
}

// snapshots are what an earlier process kept.
func (h *dataDir) snapshots() watch.Snapshots {
	if h.store == nil {
		return nil
	}
	return h.store
}

// openFindings are the findings that were open when an earlier process ended. What
// cannot be read of them is found again, and told once more.
func (h *dataDir) openFindings(ctx context.Context) ([]watch.Event, error) {
	if h.store == nil {
		return nil, nil
	}
	open, err := h.store.OpenFindings(ctx)
	if errors.Is(err, store.ErrDamaged) {
		h.log.Error("Some findings that were open cannot be read", "err", err)
		err = nil
	}
	return open, err
}

// counts are how many objects the resources had when earlier processes counted them. Of
// those that cannot be read nothing is known.
func (h *dataDir) counts(ctx context.Context) ([]watch.Counts, error) {
	if h.store == nil {
		return nil, nil
	}
	counts, err := h.store.Counts(ctx)
	if errors.Is(err, store.ErrDamaged) {
		h.log.Error("Some earlier numbers of objects cannot be read", "err", err)
		err = nil
	}
	return counts, err
}

// health is nil where nothing is kept on disk, and nothing can go wrong with it.
func (h *dataDir) health() report.Health {
	if h.store == nil {
		return nil
	}
	return h
}

// Alive implements report.Health.
func (h *dataDir) Alive() error { return h.recorder.Alive() }

// Ready implements report.Health.
func (h *dataDir) Ready() error {
	if err := h.cluster.missing(); err != nil {
		return err
	}
	return h.recorder.Ready()
}

// prune enforces retention until ctx ends.
func (h *dataDir) prune(ctx context.Context) error {
	if h.store == nil {
		return nil
	}
	return h.store.Run(ctx)
}

// close must come after everything else has ended.
func (h *dataDir) close() error {
	if h.store == nil {
		return nil
	}
	return h.store.Close()
}
