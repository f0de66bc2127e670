package store

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	// A slice is what is removed in one transaction: at most this, and less where that
	// takes longer than a commit is to wait.
	sliceEvents  = 256
	sliceObjects = 256
	slicePages   = 128
	// keptPages are free pages that are not given back: the next events need them.
	keptPages = 16
)

// Run prunes at once and then every Options.Interval, until ctx ends. What goes wrong
// is logged and tried again the next time.
func (s *SQLite) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.opts.Interval)
	defer ticker.Stop()
	for {
		if err := s.Prune(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Error("Pruning the history failed", "history", s.path, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Prune removes the events that are past retention, oldest first, and what belonged
// to forgotten resources, and gives the space back to the disk. It works in small
// transactions, between which commits have their turn.
func (s *SQLite) Prune(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		s.pruneForgotten, s.pruneByAge, s.pruneBySize, s.pruneRest, s.vacuum,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// slice is one transaction of Prune.
func (s *SQLite) slice(ctx context.Context, p *pace, change func(context.Context) error) error {
	timed, done := p.timed(func(ctx context.Context) error {
		if err := s.fail("prune"); err != nil {
			return err
		}
		if err := change(ctx); err != nil {
			return err
		}
		return s.fail("pruned")
	})
	defer done()
	return s.write(ctx, "pruning", timed)
}

// pruneForgotten removes the objects of resources that lost their UID, then them.
func (s *SQLite) pruneForgotten(ctx context.Context) error {
	ids, err := s.ints(ctx, "SELECT id FROM resources WHERE uid IS NULL")
	p := newPace(sliceObjects)
	for _, id := range ids {
		for done := false; err == nil && !done; {
			err = s.slice(ctx, p, func(ctx context.Context) error {
				n, err := s.delete(ctx, `DELETE FROM objects WHERE id IN
(SELECT id FROM objects WHERE resource = ? LIMIT ?)`, id, p.amount)
				if err == nil && n < p.amount {
					done = true
					_, err = s.delete(ctx, "DELETE FROM resources WHERE id = ? AND uid IS NULL", id)
				}
				return err
			})
		}
	}
	return err
}

func (s *SQLite) pruneByAge(ctx context.Context) error {
	if s.opts.Retention <= 0 {
		return nil
	}
	// An event that was numbered late does not keep those before it from going: only
	// the numbers from the first one that is young enough on are kept.
	keep, _, err := readMinutes(ctx, s.db, s.opts.Now().Add(-s.opts.Retention), time.Time{})
	if err != nil {
		return fmt.Errorf("pruning %s: %w", s.path, s.judge(err))
	}
	p := newPace(sliceEvents)
	for more := true; more && err == nil; {
		more, err = s.pruneEvents(ctx, p, keep)
	}
	return err
}

// pruneBySize goes by the pages in use: those that are free are given back later.
func (s *SQLite) pruneBySize(ctx context.Context) error {
	if s.opts.MaxBytes <= 0 {
		return nil
	}
	// The write-ahead log is on the disk, too.
	budget := s.opts.MaxBytes - min(walBytes, s.opts.MaxBytes/4)
	p := newPace(sliceEvents)
	for {
		pages, err := s.ints(ctx, "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)")
		if err != nil || pages[0]*pageBytes <= budget {
			return err
		}
		last, err := s.LastSeq(ctx)
		if err != nil {
			return err
		}
		more, err := s.pruneEvents(ctx, p, int64(last)+1)
		if err != nil {
			return err
		}
		if !more {
			s.opts.Log.Warn("The latest states alone take more space than the history may have",
				"history", s.path, "bytes", pages[0]*pageBytes, "budget", budget)
			return nil
		}
	}
}

// pruneEvents removes a slice of the events before keep, and reports whether there
// was any.
func (s *SQLite) pruneEvents(ctx context.Context, p *pace, keep int64) (more bool, err error) {
	err = s.slice(ctx, p, func(ctx context.Context) error {
		keep = min(keep, s.last+1, s.first+p.amount)
		if more = keep > s.first; !more {
			return nil
		}
		if _, err := s.delete(ctx, "DELETE FROM events WHERE seq < ?", keep); err != nil {
			return err
		}
		// The managers are not indexed by event. There are few: this goes from one to
		// the next instead of through all rows.
		if _, err := s.delete(ctx, `WITH RECURSIVE m (x) AS (SELECT min(manager) FROM managers UNION ALL
SELECT (SELECT min(manager) FROM managers WHERE manager > x) FROM m WHERE x IS NOT NULL)
DELETE FROM managers WHERE manager IN (SELECT x FROM m WHERE x IS NOT NULL) AND seq < ?`, keep); err != nil {
			return err
		}
		s.first = keep
		return s.saveHistory(ctx, "REPLACE")
	})
	return more, err
}

// pruneRest removes what nothing refers to any more. Kinds stay: there are few, and
// looking for an event of one can take long.
func (s *SQLite) pruneRest(ctx context.Context) error {
	return s.slice(ctx, newPace(1), func(ctx context.Context) error {
		if _, err := s.delete(ctx, "DELETE FROM minutes WHERE last < ?", s.first); err != nil {
			return err
		}
		dropped, err := s.pruneDictionaries(ctx)
		if err != nil {
			return err
		}
		s.dicts.forget(dropped)
		return nil
	})
}

// sqlPruneDictionaries looks for one object of each and no further: those that share a
// dictionary may be hundreds of thousands, and NOT IN would read them all, in the turn
// that commits wait for.
const sqlPruneDictionaries = `DELETE FROM dictionaries WHERE NOT EXISTS
(SELECT 1 FROM objects WHERE dictionary = dictionaries.id) RETURNING id`

func (s *SQLite) pruneDictionaries(ctx context.Context) (map[int64]bool, error) {
	ids, err := s.turnInts(ctx, sqlPruneDictionaries)
	dropped := map[int64]bool{}
	for _, id := range ids {
		dropped[id] = true
	}
	return dropped, err
}

// vacuum gives free pages back, and cuts the write-ahead log: the file is as long as
// it was until what the log says of it is done.
func (s *SQLite) vacuum(ctx context.Context) error {
	p := newPace(slicePages)
	for {
		free, err := s.ints(ctx, "SELECT freelist_count FROM pragma_freelist_count")
		if err != nil {
			return err
		}
		if free[0] <= keptPages {
			return s.cutLog(ctx)
		}
		if err := s.vacuumSlice(ctx, p, min(p.amount, free[0]-keptPages)); err != nil {
			return err
		}
	}
}

func (s *SQLite) vacuumSlice(ctx context.Context, p *pace, pages int64) error {
	timed, done := p.timed(func(ctx context.Context) error {
		if err := s.fail("vacuum"); err != nil {
			return err
		}
		// It returns a row, of nothing, for each page: only to the last one is it done.
		if _, err := s.turnInts(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages)); err != nil {
			return err
		}
		return s.fail("vacuumed")
	})
	defer done()
	return s.write(ctx, "pruning", timed)
}

// cutLog does what it can without waiting: readers may hold on to the log.
func (s *SQLite) cutLog(ctx context.Context) error {
	info, err := os.Stat(s.path + "-wal")
	if err != nil || info.Size() == 0 {
		return nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.refusal(); err != nil {
		return fmt.Errorf("cutting the log of %s: refused: %w", s.path, err)
	}
	_, err = s.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA busy_timeout(0)")
	if err == nil {
		_, err = s.turnInts(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if _, again := s.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA busy_timeout(10000)"); err == nil {
		err = again
	}
	if err != nil {
		return fmt.Errorf("cutting the log of %s: %w", s.path, s.judge(err))
	}
	return s.fail("cut")
}

// delete returns how many rows went. The caller has the turn.
func (s *SQLite) delete(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := s.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ints reads a column.
func (s *SQLite) ints(ctx context.Context, query string, args ...any) ([]int64, error) {
	values, err := readInts(ctx, s.db, query, args...)
	if err != nil {
		return nil, fmt.Errorf("pruning %s: %w", s.path, s.judge(err))
	}
	return values, nil
}

// turnInts is ints for who has the turn.
func (s *SQLite) turnInts(ctx context.Context, query string, args ...any) ([]int64, error) {
	return readInts(ctx, s.conn, query, args...)
}

func readInts(ctx context.Context, q querier, query string, args ...any) ([]int64, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var values []int64
	for rows.Next() {
		var v int64
		if len(columns) == 1 {
			if err := rows.Scan(&v); err != nil {
				return nil, err
			}
		}
		values = append(values, v)
	}
	return values, rows.Err()
}
