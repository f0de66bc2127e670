package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Reader reads a history, while a server writes it or not. Its methods may be called
// concurrently. None of them keeps a transaction open while its caller does something
// else: a slow reader would keep the write-ahead log growing.
type Reader struct {
	dir, path string
	db        *sql.DB
	// suspect is told what SQLite says, and returns what to tell the caller.
	suspect func(error) error
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func newReader(dir, path string, parameters url.Values) (*Reader, error) {
	p := pragmas("ro")
	for k, v := range parameters {
		p[k] = v
	}
	db, err := sql.Open("sqlite", dsn(path, p))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.SetMaxOpenConns(readers)
	return &Reader{dir: dir, path: path, db: db, suspect: explain(path)}, nil
}

// explain is for a Reader that has no business writing anything down.
func explain(path string) func(error) error {
	return func(err error) error {
		if isDamage(err) {
			return &DamagedError{What: path, Err: err}
		}
		return err
	}
}

// OpenReadOnly reads the history in dir, whether a server runs on it or not, and
// changes nothing.
func OpenReadOnly(ctx context.Context, dir string) (*Reader, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	path := filepath.Join(dir, historyDir, databaseFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening the history in %s: %w", dir, err)
	}
	if info.Size() == 0 {
		// To SQLite that is a new database. A history is never one: it is put in
		// place when it is made.
		return nil, damagedf(path, "the file is empty")
	}
	r, err := readOnly(ctx, dir, path, nil)
	if err == nil || !isUnwritable(err) {
		return r, err
	}
	// Reading beside a writer takes a file of shared memory. Where that cannot be
	// made, nobody writes either, and what is in the database will not change.
	if wal, statErr := os.Stat(path + "-wal"); statErr == nil && wal.Size() > 0 {
		return nil, fmt.Errorf("opening %s, which was not closed cleanly and cannot be written to: "+
			"copy the directory and read the copy: %w", path, err)
	}
	return readOnly(ctx, dir, path, url.Values{"immutable": {"1"}})
}

func isUnwritable(err error) bool {
	c := code(err) & 0xff
	return c == sqlite3.SQLITE_CANTOPEN || c == sqlite3.SQLITE_READONLY
}

func readOnly(ctx context.Context, dir, path string, parameters url.Values) (*Reader, error) {
	r, err := newReader(dir, path, parameters)
	if err != nil {
		return nil, err
	}
	if err := r.checkVersion(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Reader) checkVersion(ctx context.Context) error {
	var version int
	if err := r.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("opening %s: %w", r.path, r.suspect(err))
	}
	if known := len(steps()); version != known {
		return &SchemaError{Path: r.path, Found: version, Known: known}
	}
	return nil
}

// Close ends all. Iterations end with an error.
func (r *Reader) Close() error { return r.db.Close() }

// history is the one row that there is of it, and the newest event's number.
type history struct {
	epoch, first, last int64
	cluster            string
}

func historySum(epoch, first int64, cluster string) int64 {
	return sumHistory.int(epoch, first).strings(cluster).value()
}

func readHistory(ctx context.Context, q querier) (history, error) {
	var h history
	var sum int64
	err := q.QueryRowContext(ctx,
		"SELECT epoch, first, cluster, sum, coalesce((SELECT max(seq) FROM events), first - 1) FROM history").
		Scan(&h.epoch, &h.first, &h.cluster, &sum, &h.last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return h, damagedf("the history's first row", "it is missing")
	case err != nil:
		return h, err
	case sum != historySum(h.epoch, h.first, h.cluster):
		return h, damagedf("the history's first row", "%w", errSum)
	}
	// Where all events are past retention, or the newest were lost with the log.
	h.last = max(h.last, h.first-1)
	return h, nil
}

// LastSeq returns the number of the newest event; FirstSeq follows it when there are none.
func (r *Reader) LastSeq(ctx context.Context) (uint64, error) {
	h, err := readHistory(ctx, r.db)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", r.path, r.suspect(err))
	}
	return uint64(h.last), nil
}

// FirstSeq returns the number of the oldest event that is kept.
func (r *Reader) FirstSeq(ctx context.Context) (uint64, error) {
	h, err := readHistory(ctx, r.db)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", r.path, r.suspect(err))
	}
	return uint64(h.first), nil
}

// Checkpoints returns the checkpoint of each resource that is known, sorted by the
// names of the CRDs.
func (r *Reader) Checkpoints(ctx context.Context) ([]watch.Checkpoint, error) {
	saved, err := readResources(ctx, r.db)
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoints in %s: %w", r.path, r.suspect(err))
	}
	checkpoints := make([]watch.Checkpoint, 0, len(saved))
	for _, s := range saved {
		checkpoints = append(checkpoints, s.Checkpoint)
	}
	return checkpoints, nil
}

type resourceRow struct {
	id int64
	watch.Checkpoint
}

func (r *resourceRow) sum() int64 {
	return sumResource.int(r.id, timeValue(r.Time)).strings(string(r.Resource), r.CRD, r.Ref.Group, r.Ref.Version,
		r.Ref.Resource, r.Ref.Kind, r.Position, r.Scope, string(r.Origin)).value()
}

func readResources(ctx context.Context, q querier) ([]resourceRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, uid, crd, grp, version, resource, kind, position, time, scope, origin, sum
FROM resources WHERE uid IS NOT NULL ORDER BY crd, uid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []resourceRow
	for rows.Next() {
		var r resourceRow
		var uid any
		var micros, sum int64
		var origin string
		err := rows.Scan(&r.id, &uid, &r.CRD, &r.Ref.Group, &r.Ref.Version, &r.Ref.Resource, &r.Ref.Kind,
			&r.Position, &micros, &r.Scope, &origin, &sum)
		if err != nil {
			return nil, damagedf("a checkpoint", "%w", err)
		}
		r.Resource, r.Time, r.Origin = uidOf(uid), timeOf(micros), watch.Origin(origin)
		if sum != r.sum() {
			return nil, damagedf(fmt.Sprintf("the checkpoint of %q", r.CRD), "%w", errSum)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// resourceKey is uidValue for a column in which no UID means forgotten.
func resourceKey(uid types.UID) any {
	if uid == "" {
		return ""
	}
	return uidValue(uid)
}
