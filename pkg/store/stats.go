package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// Stats says what there is and what it takes.
type Stats struct {
	// Bytes on disk, of which Parts are the parts, in a fixed order.
	Bytes int64
	Parts []Part

	Events, Objects, Resources, Dictionaries int64
	// FirstSeq and LastSeq are the oldest and the newest event; without any,
	// FirstSeq follows LastSeq, and the times are zero.
	FirstSeq, LastSeq uint64
	Oldest, Newest    time.Time

	// What one takes with all that is kept for it; 0 without any.
	BytesPerEvent, BytesPerObject float64
}

// Part is a part of the history on disk.
type Part struct {
	Name  string
	Bytes int64
}

// The parts of Stats.
const (
	PartEvents       = "events"
	PartEventIndexes = "event indexes"
	PartObjects      = "objects"
	PartDictionaries = "dictionaries"
	PartCheckpoints  = "checkpoints"
	PartOther        = "other"
	PartFree         = "free"
	PartLog          = "log"
)

// partOf returns the part that a table or an index belongs to.
func partOf(name string) string {
	switch name {
	case "events":
		return PartEvents
	case "events_object", "events_uid", "events_resource", "events_namespace", "events_place", "events_rare", "managers", "minutes":
		return PartEventIndexes
	case "objects", "sqlite_autoindex_objects_1":
		return PartObjects
	case "dictionaries", "sqlite_autoindex_dictionaries_1", "objects_dictionary":
		return PartDictionaries
	case "resources", "sqlite_autoindex_resources_1":
		return PartCheckpoints
	}
	return PartOther
}

// Stats looks at every page, which takes a while where there are gigabytes.
func (r *Reader) Stats(ctx context.Context) (Stats, error) {
	var st Stats
	sizes := map[string]int64{}
	err := r.snapshot(ctx, func(tx *sql.Tx) error {
		if err := st.count(ctx, tx); err != nil {
			return err
		}
		return measure(ctx, tx, sizes)
	})
	if err != nil {
		return Stats{}, fmt.Errorf("measuring %s: %w", r.path, r.suspect(err))
	}
	if info, err := os.Stat(r.path + "-wal"); err == nil {
		sizes[PartLog] = info.Size()
	}
	for _, name := range []string{PartEvents, PartEventIndexes, PartObjects, PartDictionaries,
		PartCheckpoints, PartOther, PartFree, PartLog} {
		st.Parts = append(st.Parts, Part{Name: name, Bytes: sizes[name]})
		st.Bytes += sizes[name]
	}
	if st.Events > 0 {
		st.BytesPerEvent = float64(sizes[PartEvents]+sizes[PartEventIndexes]) / float64(st.Events)
	}
	if st.Objects > 0 {
		st.BytesPerObject = float64(sizes[PartObjects]+sizes[PartDictionaries]) / float64(st.Objects)
	}
	return st, nil
}

func (st *Stats) count(ctx context.Context, tx *sql.Tx) error {
	h, err := readHistory(ctx, tx)
	if err != nil {
		return err
	}
	st.FirstSeq, st.LastSeq, st.Events = uint64(h.first), uint64(h.last), h.last-h.first+1
	err = tx.QueryRowContext(ctx, `SELECT
(SELECT count(*) FROM objects WHERE resource IN (SELECT id FROM resources WHERE uid IS NOT NULL)),
(SELECT count(*) FROM resources WHERE uid IS NOT NULL), (SELECT count(*) FROM dictionaries)`).
		Scan(&st.Objects, &st.Resources, &st.Dictionaries)
	if err != nil {
		return err
	}
	for seq, t := range map[int64]*time.Time{h.first: &st.Oldest, h.last: &st.Newest} {
		var micros int64
		err := tx.QueryRowContext(ctx, "SELECT time FROM events WHERE seq = ?", seq).Scan(&micros)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		*t = timeOf(micros)
	}
	if st.Events == 1 {
		st.Oldest = st.Newest
	}
	return nil
}

func measure(ctx context.Context, tx *sql.Tx, sizes map[string]int64) error {
	var free int64
	if err := tx.QueryRowContext(ctx, "SELECT freelist_count FROM pragma_freelist_count").Scan(&free); err != nil {
		return err
	}
	sizes[PartFree] = free * pageBytes
	rows, err := tx.QueryContext(ctx, "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var bytes int64
		if err := rows.Scan(&name, &bytes); err != nil {
			return err
		}
		sizes[partOf(name)] += bytes
	}
	return rows.Err()
}
