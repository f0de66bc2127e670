package store

import (
	"context"
	"database/sql"
	"fmt"
)

type statement int

const (
	stBegin statement = iota
	stCommit
	stRollback
	stKind
	stEvent
	stManager
	stMinute
	stSaveMinute
	stCheckpoint
	stNewCheckpoint
	stState
	stDeleteState
	stForget
	stDictionary
	stNewDictionary
	stFinding
	stResolve
	stCounts
	stDeleteCounts
)

const sqlManager = "INSERT INTO managers (manager, seq) VALUES (?, ?) ON CONFLICT DO NOTHING"

func statements() map[statement]string {
	return map[statement]string{
		stBegin: "BEGIN IMMEDIATE", stCommit: "COMMIT", stRollback: "ROLLBACK",
		stKind: "INSERT INTO kinds (id, grp, version, resource, kind, sum) VALUES (?, ?, ?, ?, ?, ?)",
		stEvent: `INSERT INTO events (seq, time, type, kind, resource, object, namespace, uid, sum, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		stManager:    sqlManager,
		stMinute:     "SELECT first, last, sum FROM minutes WHERE minute = ?",
		stSaveMinute: "REPLACE INTO minutes (minute, first, last, sum) VALUES (?, ?, ?, ?)",
		stCheckpoint: `UPDATE resources SET crd = ?, grp = ?, version = ?, resource = ?, kind = ?,
position = ?, time = ?, scope = ?, origin = ?, sum = ? WHERE id = ?`,
		stNewCheckpoint: `INSERT INTO resources (crd, grp, version, resource, kind, position, time, scope, origin, sum, id, uid)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		stState: `INSERT INTO objects (resource, namespace, name, uid, version, generation, dictionary, sum, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (resource, namespace, name) DO UPDATE SET uid = excluded.uid,
version = excluded.version, generation = excluded.generation, dictionary = excluded.dictionary,
sum = excluded.sum, body = excluded.body`,
		stDeleteState: "DELETE FROM objects WHERE resource = ?1 AND namespace = ?2 AND name = ?3 AND (?4 IS NULL OR uid IS ?4)",
		stForget:      "UPDATE resources SET uid = NULL WHERE id = ?",
		stDictionary:  "SELECT id FROM dictionaries WHERE hash = ?",
		stFinding: `REPLACE INTO findings
(fingerprint, seq, time, type, kind, resource, object, namespace, uid, sum, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		stResolve:       "DELETE FROM findings WHERE fingerprint = ?",
		stCounts:        "REPLACE INTO counts (resource, sum, body) VALUES (?, ?, ?)",
		stDeleteCounts:  "DELETE FROM counts WHERE resource = ?",
		stNewDictionary: "INSERT INTO dictionaries (hash, data) VALUES (?, ?)",
	}
}

func (s *SQLite) prepare(ctx context.Context) error {
	s.st = map[statement]*sql.Stmt{}
	for id, query := range statements() {
		st, err := s.conn.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("preparing %s: %w", s.path, s.judge(err))
		}
		s.st[id] = st
	}
	return nil
}

func (s *SQLite) exec(ctx context.Context, st statement, args ...any) error {
	_, err := s.st[st].ExecContext(ctx, args...)
	return err
}
