package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
)

// indexes are those of the events while there are none: ten million events are written in
// minutes without, and in half an hour with them. Made at the end they are the same, but
// for a third of air that indexes have which grew.
type indexes struct {
	db          *sql.DB
	definitions []string
}

// dropIndexes opens the history beside the program that writes it, which must be idle.
func dropIndexes(ctx context.Context, data string) (*indexes, error) {
	// The driver is that of package store.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "history", "history.db")+"?_pragma=busy_timeout(10000)&_pragma=cache_size(-500000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	x := &indexes{db: db}
	names, err := x.find(ctx)
	for _, name := range names {
		if err == nil {
			_, err = db.ExecContext(ctx, "DROP INDEX "+name)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dropping the indexes: %w", err), db.Close())
	}
	return x, nil
}

func (x *indexes) find(ctx context.Context) (names []string, err error) {
	rows, err := x.db.QueryContext(ctx, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'events' AND sql IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, err
		}
		names, x.definitions = append(names, name), append(x.definitions, definition)
	}
	return names, rows.Err()
}

// restore makes them again.
func (x *indexes) restore(ctx context.Context) error {
	for _, definition := range x.definitions {
		if _, err := x.db.ExecContext(ctx, definition); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", definition, err), x.db.Close())
		}
	}
	return x.db.Close()
}
