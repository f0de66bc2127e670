package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Options are the settings of a history. The zero value keeps everything for ever.
type Options struct {
	// Cluster identifies the cluster: the UID of its namespace kube-system. It is
	// saved when it is first given; another one is an *OtherClusterError from then on.
	Cluster string
	// Base is the sequence number before the first one of a history that begins,
	// and is not looked at later. A server passes its start time in microseconds,
	// so that what clients hold of an earlier history is known to have expired.
	Base uint64
	// Retention is how long events are kept, 0 for ever.
	Retention time.Duration
	// MaxBytes is how much disk the history may take; the oldest events go first.
	// Latest states and checkpoints are always kept. 0 stands for no limit.
	MaxBytes int64
	// Interval is how often Run looks at both, a minute by default.
	Interval time.Duration
	// Now is the clock, and Log takes what has no caller to be returned to.
	Now func() time.Time
	Log *slog.Logger

	// failpoint is called with the name of each point at which tests let things go
	// wrong. steps are the schema's, for tests of migrations.
	failpoint func(name string) error
	steps     []step
}

func (o Options) withDefaults() Options {
	if o.Interval <= 0 {
		o.Interval = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.failpoint == nil {
		o.failpoint = func(string) error { return nil }
	}
	if o.steps == nil {
		o.steps = steps()
	}
	return o
}

// SQLite is the history in a directory of its own, for the one process that writes
// it. Its methods may be called concurrently.
type SQLite struct {
	*Reader
	opts   Options
	lock   *os.File
	writer *sql.DB
	conn   *sql.Conn
	st     map[statement]*sql.Stmt
	aside  string
	// damage is what was seen of it, by whoever: nothing is written after it.
	damage atomic.Pointer[DamagedError]

	// turn is held by whoever writes. It is a channel, so that nobody has to wait
	// for it longer than they want. All below belongs to the holder.
	turn        chan struct{}
	first, last int64
	epoch       uint64
	cluster     string
	kinds       map[watch.ResourceRef]int64
	resources   map[types.UID]int64
	dicts       dictionaries
	// broken is why nothing may be written any more.
	broken error
}

// Open opens the history in dir, and begins one where there is none. It blocks while
// the schema is migrated, and while all is read after damage was seen. The package
// comment says which damage is set aside and which is an error, an ErrDamaged. Other
// errors are *LockedError, *SchemaError, *OtherClusterError.
func Open(ctx context.Context, dir string, opts Options) (*SQLite, error) {
	opts = opts.withDefaults()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s, err := openOrSetAside(ctx, dir, opts)
	if err != nil {
		_ = unlockDir(lock)
		return nil, err
	}
	s.lock = lock
	return s, nil
}

func openOrSetAside(ctx context.Context, dir string, opts Options) (*SQLite, error) {
	s, err := start(ctx, dir, opts)
	if !errors.Is(err, ErrDamaged) {
		return s, err
	}
	aside, err := setAside(dir, err, opts)
	if err != nil {
		return nil, err
	}
	if s, err = start(ctx, dir, opts); err != nil {
		return nil, err
	}
	s.aside = aside
	return s, nil
}

// start opens the history, or begins one.
func start(ctx context.Context, dir string, opts Options) (*SQLite, error) {
	home := filepath.Join(dir, historyDir)
	_, err := os.Stat(home)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(ctx, dir, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the history in %s: %w", dir, err)
	}
	if err := checkFile(filepath.Join(home, databaseFile)); err != nil {
		return nil, err
	}
	s, err := connect(ctx, dir, home, opts)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// begin looks at what is there before anyone else may.
func (s *SQLite) begin(ctx context.Context) error {
	if err := s.clearSuspicion(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return fmt.Errorf("opening %s: %w", s.path, s.judge(err))
	}
	return s.identify(ctx, s.opts.Cluster)
}

// create makes an empty history under another name and puts it in place at once, so
// that a history that is in place and not whole has been damaged. What an earlier
// attempt left was never a history.
func create(ctx context.Context, dir string, opts Options) error {
	home := filepath.Join(dir, historyDir+".new")
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	s, err := connect(ctx, dir, home, opts)
	if err != nil {
		return err
	}
	if err := errors.Join(s.initialize(ctx), s.close()); err != nil {
		return err
	}
	if err := opts.failpoint("create"); err != nil {
		return err
	}
	if err := os.Rename(home, filepath.Join(dir, historyDir)); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	return opts.failpoint("created")
}

func (s *SQLite) initialize(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.epoch, s.first = newEpoch(), int64(s.opts.Base)+1
	return s.saveHistory(ctx, "INSERT")
}

// newEpoch is random, never 0, and fits a column.
func newEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return max(1, binary.BigEndian.Uint64(b[:])>>1)
}

// Identify is Options.Cluster for a server that learns it later. It must come before
// the first Commit. The error is an *OtherClusterError if the history is another's.
func (s *SQLite) Identify(ctx context.Context, cluster string) error {
	if cluster == "" {
		return nil
	}
	return s.write(ctx, "identifying", func(ctx context.Context) error { return s.identify(ctx, cluster) })
}

// identify saves the cluster, or compares it.
func (s *SQLite) identify(ctx context.Context, cluster string) error {
	if cluster == "" || cluster == s.cluster {
		return nil
	}
	if s.cluster != "" {
		return &OtherClusterError{Dir: s.dir, Saved: s.cluster, Given: cluster}
	}
	s.cluster = cluster
	return s.saveHistory(ctx, "REPLACE")
}

func (s *SQLite) saveHistory(ctx context.Context, verb string) error {
	sum := historySum(int64(s.epoch), s.first, s.cluster)
	_, err := s.conn.ExecContext(ctx, verb+" INTO history (id, epoch, first, cluster, sum) VALUES (1, ?, ?, ?, ?)",
		int64(s.epoch), s.first, s.cluster, sum)
	if err != nil {
		return fmt.Errorf("writing to %s: %w", s.path, s.judge(err))
	}
	return nil
}

// Epoch identifies this history: it is random, never 0, and another one when the
// history begins anew. Sequence numbers mean something only together with it.
func (s *SQLite) Epoch() uint64 { return s.epoch }

// SetAside returns where Open put a damaged history, or nothing.
func (s *SQLite) SetAside() string { return s.aside }

// Close ends all, and waits for a commit that is under way. Iterations end with an
// error. Run must have returned.
func (s *SQLite) Close() error {
	s.turn <- struct{}{}
	if s.broken == nil {
		s.broken = errors.New("the history is closed")
	}
	<-s.turn
	err := s.close()
	if err != nil {
		err = fmt.Errorf("closing %s: %w", s.path, err)
	}
	return errors.Join(err, unlockDir(s.lock))
}

// close leaves the lock alone. The writer goes last: it empties the write-ahead log.
func (s *SQLite) close() error {
	errs := []error{s.Reader.Close()}
	for _, st := range s.st {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, s.conn.Close(), s.writer.Close())...)
}
