package store

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID stands in the database's header: "crdw".
const applicationID = 0x63726477

// step is one version of the schema. It runs in a transaction of its own, together
// with the change of the version. Steps that were released are never edited.
type step func(ctx context.Context, conn *sql.Conn) error

// steps returns the schema's history: steps()[n] leads from version n to n+1. A new
// database goes all the way, so that every step is taken every day.
func steps() []step {
	return []step{schemaV1, schemaV2, schemaV3, schemaV4, schemaV5}
}

// schemaV1 is the events and the states. Columns without a type hold more than one.
//
// Events are never changed, and found by hash: their bodies are the truth. The
// partial index is of the types that are rare. minutes says which sequence numbers
// lie in which minute, so that a search by time is one by sequence number, and costs
// two rows a minute and not an index: times ascend nearly, but clocks are set back.
//
// A forgotten resource keeps its row, without a UID, until its objects are gone.
// Numbers of dictionaries are never used again: a reader may still hold the old one.
func schemaV1(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `
CREATE TABLE history (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	epoch INTEGER NOT NULL, first INTEGER NOT NULL, cluster TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE kinds (
	id INTEGER PRIMARY KEY,
	grp TEXT NOT NULL, version TEXT NOT NULL, resource TEXT NOT NULL, kind TEXT NOT NULL, sum INTEGER NOT NULL,
	UNIQUE (grp, version, resource, kind));
CREATE TABLE events (
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL, type INTEGER NOT NULL, kind INTEGER NOT NULL, resource INTEGER NOT NULL,
	object INTEGER NOT NULL, namespace INTEGER NOT NULL, uid, sum INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX events_object ON events (object);
CREATE INDEX events_uid ON events (uid);
CREATE INDEX events_resource ON events (resource);
CREATE INDEX events_namespace ON events (namespace);
CREATE INDEX events_rare ON events (type) WHERE type <> 2;
CREATE TABLE minutes (
	minute INTEGER PRIMARY KEY,
	first INTEGER NOT NULL, last INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE resources (
	id INTEGER PRIMARY KEY,
	uid UNIQUE,
	crd TEXT NOT NULL, grp TEXT NOT NULL, version TEXT NOT NULL, resource TEXT NOT NULL, kind TEXT NOT NULL,
	position TEXT NOT NULL, time INTEGER NOT NULL, scope TEXT NOT NULL, origin TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE dictionaries (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE objects (
	id INTEGER PRIMARY KEY,
	resource INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
	uid, version, generation INTEGER NOT NULL, dictionary INTEGER NOT NULL, sum INTEGER NOT NULL, body BLOB NOT NULL,
	UNIQUE (resource, namespace, name));
CREATE INDEX objects_dictionary ON objects (dictionary);
`)
	return err
}

// schemaV2 finds events by manager.
func schemaV2(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `
CREATE TABLE managers (manager INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (manager, seq)) WITHOUT ROWID`)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		rows, err := readEvents(ctx, conn, eventSQL("e.seq > ? ORDER BY e.seq LIMIT ?"), after, pageSize)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.err != nil {
				return row.err
			}
			for _, m := range row.managers {
				if _, err := conn.ExecContext(ctx, sqlManager, hash32(m), row.seq); err != nil {
					return err
				}
			}
			after = row.seq
		}
		if len(rows) < pageSize {
			return nil
		}
	}
}

// schemaV3 keeps the findings that are open: the columns of their events, which may be
// past retention themselves.
func schemaV3(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `
CREATE TABLE findings (
	fingerprint TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL,
	time INTEGER NOT NULL, type INTEGER NOT NULL, kind INTEGER NOT NULL, resource INTEGER NOT NULL,
	object INTEGER NOT NULL, namespace INTEGER NOT NULL, uid, sum INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID`)
	return err
}

// schemaV4 keeps how many objects each resource had: a row that is replaced as a whole.
func schemaV4(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `
CREATE TABLE counts (resource INTEGER PRIMARY KEY, sum INTEGER NOT NULL, body BLOB NOT NULL)`)
	return err
}

// schemaV5 finds the events of one resource in one namespace. Of either there may be
// millions, nearly all of them others.
func schemaV5(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "CREATE INDEX events_place ON events (resource, namespace)")
	return err
}

// migrate brings the database to the newest version.
func (s *SQLite) migrate(ctx context.Context) error {
	var version int
	if err := s.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("reading the schema version of %s: %w", s.path, s.judge(err))
	}
	if version > len(s.opts.steps) {
		return &SchemaError{Path: s.path, Found: version, Known: len(s.opts.steps)}
	}
	for n := version; n < len(s.opts.steps); n++ {
		if err := s.migrateStep(ctx, n); err != nil {
			return fmt.Errorf("migrating %s to schema version %d: %w", s.path, n+1, s.judge(err))
		}
	}
	return nil
}

func (s *SQLite) migrateStep(ctx context.Context, n int) error {
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := s.takeStep(ctx, n)
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// Nothing to do about a failure: closing the connection rolls back as well.
		_, _ = s.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	return s.fail(fmt.Sprintf("migrated-%d", n+1))
}

func (s *SQLite) takeStep(ctx context.Context, n int) error {
	if err := s.fail(fmt.Sprintf("migrate-%d", n+1)); err != nil {
		return err
	}
	if err := s.opts.steps[n](ctx, s.conn); err != nil {
		return err
	}
	if err := s.fail(fmt.Sprintf("migrating-%d", n+1)); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, n+1))
	return err
}
