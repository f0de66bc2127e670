package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Step is a step of the schema, for tests.
type Step = func(ctx context.Context, conn *sql.Conn) error

// WithFailpoint returns o with a failpoint.
func WithFailpoint(o Options, failpoint func(string) error) Options {
	o.failpoint = failpoint
	return o
}

// WithSteps returns o with the schema's first n steps, and more.
func WithSteps(o Options, n int, more ...Step) Options {
	o.steps = append([]step{}, steps()[:n]...)
	for _, s := range more {
		o.steps = append(o.steps, s)
	}
	return o
}

// SchemaVersion is the newest version of the schema.
func SchemaVersion() int { return len(steps()) }

// Limit keeps the database from growing over so many pages.
func (s *SQLite) Limit(ctx context.Context, pages int) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	_, err := readInts(ctx, s.conn, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// Exec does to the database what nobody should.
func (s *SQLite) Exec(ctx context.Context, query string, args ...any) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	_, err := s.conn.ExecContext(ctx, query, args...)
	return err
}

// Ints reads a column.
func (s *SQLite) Ints(ctx context.Context, query string) ([]int64, error) {
	return readInts(ctx, s.db, query)
}

// Plan returns how SQLite goes about q.
func (r *Reader) Plan(ctx context.Context, q Query) ([]string, error) {
	s := search{reader: r, q: q}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	query, args := s.arm.page(s.after, s.before, pageSize, q.Newest)
	return r.plan(ctx, query, args...)
}

// DictionariesPlan returns how SQLite looks for dictionaries that no object has.
func (r *Reader) DictionariesPlan(ctx context.Context) ([]string, error) {
	return r.plan(ctx, sqlPruneDictionaries)
}

func (r *Reader) plan(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := r.db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return nil, err
		}
		plan = append(plan, detail)
	}
	return plan, rows.Err()
}

// Hold takes the turn until release is closed.
func (s *SQLite) Hold(release <-chan struct{}) (done <-chan struct{}) {
	s.turn <- struct{}{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-release
		<-s.turn
	}()
	return ended
}

// Dictionary is that of the events.
func Dictionary() string { return dictionaryV1 }

// EventJSON is what of an event is compressed.
func EventJSON(ev watch.Event) []byte {
	row, err := encodeEvent(&ev)
	if err == nil {
		var b []byte
		if b, err = inflate(row.body); err == nil {
			return b
		}
	}
	return nil
}
