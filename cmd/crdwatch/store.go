package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
)

// storeOptions are the flags of the commands below crdwatch store.
type storeOptions struct {
	*globals
	dataDir string
	output  string
}

func newStoreCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the history in a data directory",
		Long: `Look after the history in the data directory of crdwatch serve. Both commands
only read, need no cluster, and may run while the server does.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usagef(cmd, "unknown command %q: the commands of store are check and stats", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreCheckCommand(g), newStoreStatsCommand(g))
	return cmd
}

func newStoreCheckCommand(g *globals) *cobra.Command {
	o := &storeOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the whole history and say what is wrong with it",
		Long: `Read the whole history, compare it with what is promised of it, and name every
fault: events and states that cannot be read or are missing, indexes that do
not find what is there, IDs that occur twice, damage to the file. It takes its
time, about eight bytes of memory per event, and changes nothing.

Exit codes: 0 the history is sound, 1 faults were found, 2 it could not be
checked.`,
		Example: `  crdwatch store check --data-dir /var/lib/crdwatch
  crdwatch store check --data-dir /var/lib/crdwatch -o json | jq '.faults[]'`,
		Args: noArgs,
	}
	return o.complete(cmd, report.StoreCheckFormats(), o.check)
}

func newStoreStatsCommand(g *globals) *cobra.Command {
	o := &storeOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show what the history has and what it takes",
		Long: `Show how much disk the parts of the history take, how many events and objects
there are and what one of them takes with all that is kept for it (indexes,
dictionaries), and how far the history reaches back. It looks at every page,
which takes a while where there are gigabytes, and changes nothing.`,
		Example: `  crdwatch store stats --data-dir /var/lib/crdwatch
  crdwatch store stats --data-dir /var/lib/crdwatch -o json | jq .bytesPerEvent`,
		Args: noArgs,
	}
	return o.complete(cmd, report.StoreStatsFormats(), o.stats)
}

// complete adds to cmd what both commands have in common.
func (o *storeOptions) complete(cmd *cobra.Command, formats []string, run func(context.Context) error) *cobra.Command {
	flags := cmd.Flags()
	flags.StringVar(&o.dataDir, "data-dir", "", "Data directory of crdwatch serve (required)")
	flags.StringVarP(&o.output, "output", "o", formats[0], "Output format: "+strings.Join(formats, ", "))
	choices(cmd, "output", formats...)
	_ = cmd.MarkFlagDirname("data-dir") // fails for a flag that does not exist
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.dataDir == "":
			return usagef(cmd, "--data-dir is required: name the data directory of crdwatch serve")
		case !slices.Contains(formats, o.output):
			return usagef(cmd, "--output: unknown format %q, want one of: %s", o.output, strings.Join(formats, ", "))
		}
		return run(cmd.Context())
	}
	return cmd
}

// check takes damage that keeps the history from being read for one more fault.
func (o *storeOptions) check(ctx context.Context) error {
	rep, err := checkHistory(ctx, o.dataDir)
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return err
	}
	evidence, findErr := store.FindEvidence(o.dataDir)
	if findErr != nil {
		return findErr
	}
	check := report.NewStoreCheck(absolute(o.dataDir), rep, err, evidence)
	if err := report.PrintStoreCheck(o.streams.out, o.output, check, o.palette(o.streams.out)); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if !check.Sound {
		return &exitError{code: exitFindings}
	}
	return nil
}

func checkHistory(ctx context.Context, dir string) (store.Report, error) {
	r, err := openHistory(ctx, dir)
	if err != nil {
		return store.Report{}, err
	}
	rep, err := r.Check(ctx)
	return rep, errors.Join(err, r.Close())
}

func (o *storeOptions) stats(ctx context.Context) error {
	r, err := openHistory(ctx, o.dataDir)
	if err != nil {
		return adviseDamage(err, o.dataDir)
	}
	st, err := r.Stats(ctx)
	if err := errors.Join(err, r.Close()); err != nil {
		return adviseDamage(err, o.dataDir)
	}
	evidence, err := store.FindEvidence(o.dataDir)
	if err != nil {
		return err
	}
	stats := report.NewStoreStats(absolute(o.dataDir), st, evidence)
	if err := report.PrintStoreStats(o.streams.out, o.output, stats, time.Local); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// openHistory opens the history in a data directory to read, and says of one that is
// not there what the user may have meant.
func openHistory(ctx context.Context, dir string) (*store.Reader, error) {
	r, err := store.OpenReadOnly(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, explainMissing(absolute(dir))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w (read it as the user that the server runs as)", err)
	}
	return r, err
}

func explainMissing(dir string) error {
	const database, home = "history.db", "history"
	exists := func(name ...string) bool {
		_, err := os.Stat(filepath.Join(append([]string{dir}, name...)...))
		return err == nil
	}
	switch {
	case !exists():
		return fmt.Errorf("--data-dir: %s does not exist: name the data directory of crdwatch serve", dir)
	case exists(database):
		return fmt.Errorf("--data-dir: %s is the history inside of a data directory: name %s", dir, filepath.Dir(dir))
	case exists(home):
		return &store.DamagedError{What: filepath.Join(dir, home, database), Err: errors.New("the file is missing")}
	}
	return fmt.Errorf("--data-dir: %s has no history: name the data directory of a crdwatch serve that was started with --data-dir", dir)
}

// adviseDamage adds to an error what can be done about damage.
func adviseDamage(err error, dir string) error {
	if !errors.Is(err, store.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w (crdwatch store check --data-dir %s says more; a server that starts on it sets it aside and begins anew)", err, dir)
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
