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
	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	historyDir   = "history"
	databaseFile = "history.db"
	pageBytes    = 4096
	// walBytes is what the write-ahead log is cut back to when it was larger.
	walBytes = 8 << 20
	// readers bounds the connections that read: each has a cache of 2 MB.
	readers = 4
)

// dsn names a database by URI, in which any path can be said.
func dsn(path string, parameters url.Values) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	return u.String() + "?" + parameters.Encode()
}

func pragmas(mode string, more ...string) url.Values {
	return url.Values{"mode": {mode}, "_busy_timeout": {"10000"}, "_pragma": more}
}

// connect opens the database in home, to write and to read. Synchronous FULL syncs
// the write-ahead log with every commit.
func connect(ctx context.Context, dir, home string, opts Options) (*SQLite, error) {
	path := filepath.Join(home, databaseFile)
	parameters := pragmas("rwc", "journal_mode(WAL)", "synchronous(FULL)",
		fmt.Sprintf("journal_size_limit(%d)", walBytes), "cache_size(-8000)")
	parameters.Set("_auto_vacuum", "INCREMENTAL")
	writer, err := sql.Open("sqlite", dsn(path, parameters))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	s := &SQLite{
		opts: opts, writer: writer, turn: make(chan struct{}, 1),
		kinds: map[watch.ResourceRef]int64{}, resources: map[types.UID]int64{},
	}
	if s.Reader, err = newReader(dir, path, url.Values{}); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s.suspect = s.judge
	if s.conn, err = writer.Conn(ctx); err != nil {
		err = fmt.Errorf("opening %s: %w", path, s.judge(err))
		return nil, errors.Join(err, s.Reader.Close(), writer.Close())
	}
	return s, nil
}

// load reads what is always at hand. All of it is verified: it is little, and what
// follows from it is much.
func (s *SQLite) load(ctx context.Context) error {
	h, err := readHistory(ctx, s.conn)
	if err != nil {
		return err
	}
	s.epoch, s.first, s.last, s.cluster = uint64(h.epoch), h.first, h.last, h.cluster
	clear(s.kinds)
	clear(s.resources)
	s.dicts = dictionaries{}
	if err := s.loadKinds(ctx); err != nil {
		return err
	}
	saved, err := readResources(ctx, s.conn)
	if err != nil {
		return err
	}
	for _, r := range saved {
		s.resources[r.Resource] = r.id
	}
	return s.loadNewest(ctx)
}

// loadNewest verifies the last event, which the next one continues.
func (s *SQLite) loadNewest(ctx context.Context) error {
	if s.last < s.first {
		return nil
	}
	rows, err := readEvents(ctx, s.conn, eventSQL("e.seq IN (?, ?)"), s.first, s.last)
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].seq != s.first {
		return damagedf(s.path, "event %d, the oldest, is missing", s.first)
	}
	return nil
}

func (s *SQLite) loadKinds(ctx context.Context) error {
	rows, err := s.conn.QueryContext(ctx, "SELECT id, grp, version, resource, kind, sum FROM kinds")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, sum int64
		var ref watch.ResourceRef
		if err := rows.Scan(&id, &ref.Group, &ref.Version, &ref.Resource, &ref.Kind, &sum); err != nil {
			return damagedf(s.path, "reading a kind: %w", err)
		}
		if sum != kindSum(id, ref) {
			return damagedf(s.path, "kind %d: %w", id, errSum)
		}
		s.kinds[ref] = id
	}
	return rows.Err()
}

func kindSum(id int64, ref watch.ResourceRef) int64 {
	return sumKind.int(id).strings(ref.Group, ref.Version, ref.Resource, ref.Kind).value()
}

// isDamage reports whether SQLite says that the database is not one, or not whole.
func isDamage(err error) bool {
	c := code(err) & 0xff
	return c == sqlite3.SQLITE_CORRUPT || c == sqlite3.SQLITE_NOTADB
}

// code is SQLite's extended result code, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
