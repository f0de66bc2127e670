package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

func (s *SQLite) fail(point string) error { return s.opts.failpoint(point) }

// Commit writes b. When it returns nil, b is on disk; when it returns an error, b is
// not in the history, unless LastSeq says that it is: it is never there in part.
// After an ErrFull and after an error about b itself the history goes on as if
// nothing had been asked. ctx bounds the wait for the turn, not the write.
func (s *SQLite) Commit(ctx context.Context, b Batch) error {
	rows := make([]eventRow, 0, len(b.Events))
	for i := range b.Events {
		row, err := encodeEvent(&b.Events[i])
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return s.write(ctx, "committing to", func(ctx context.Context) error { return s.apply(ctx, b, rows) })
}

// write runs change in a transaction, alone.
func (s *SQLite) write(ctx context.Context, doing string, change func(context.Context) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", doing, s.path, ctx.Err())
	}
	if err := s.refusal(); err != nil {
		return fmt.Errorf("%s %s: refused: %w", doing, s.path, err)
	}
	// What has begun is brought to an end: cut off in the middle of its COMMIT,
	// nobody would know whether a batch is in.
	ctx = context.WithoutCancel(ctx)
	if err := s.transact(ctx, change); err != nil {
		s.rollBack(ctx, err)
		return fmt.Errorf("%s %s: %w", doing, s.path, s.judge(err))
	}
	return nil
}

// refusal is why nothing may be written any more. The caller has the turn.
func (s *SQLite) refusal() error {
	if damage := s.damage.Load(); damage != nil {
		return damage
	}
	return s.broken
}

func (s *SQLite) transact(ctx context.Context, change func(context.Context) error) error {
	if err := s.fail("begin"); err != nil {
		return err
	}
	if err := s.exec(ctx, stBegin); err != nil {
		return err
	}
	if err := change(ctx); err != nil {
		return err
	}
	if err := s.fail("commit"); err != nil {
		return err
	}
	if err := s.exec(ctx, stCommit); err != nil {
		return err
	}
	return s.fail("committed")
}

// rollBack forgets what a failed transaction left in memory.
func (s *SQLite) rollBack(ctx context.Context, cause error) {
	// It fails when the transaction is over, which some errors bring about.
	_ = s.exec(ctx, stRollback)
	if fatal(cause) {
		s.broken = cause
		return
	}
	if err := s.load(ctx); err != nil {
		s.broken = errors.Join(cause, err)
	}
}

func (s *SQLite) apply(ctx context.Context, b Batch, rows []eventRow) error {
	if err := s.applyEvents(ctx, rows); err != nil {
		return err
	}
	if err := s.fail("events"); err != nil {
		return err
	}
	for i := range b.Checkpoints {
		if err := s.saveCheckpoint(ctx, b.Checkpoints[i]); err != nil {
			return fmt.Errorf("saving the checkpoint of %s: %w", b.Checkpoints[i].CRD, err)
		}
	}
	if err := s.fail("checkpoints"); err != nil {
		return err
	}
	for i := range b.States {
		if err := s.saveState(ctx, &b.States[i]); err != nil {
			return err
		}
	}
	if err := s.fail("states"); err != nil {
		return err
	}
	for i := range b.Counts {
		if err := s.saveCounts(ctx, &b.Counts[i]); err != nil {
			return fmt.Errorf("saving the counts of %s: %w", b.Counts[i].Resource, err)
		}
	}
	if err := s.fail("counts"); err != nil {
		return err
	}
	for _, uid := range b.Forgotten {
		if err := s.forget(ctx, uid); err != nil {
			return fmt.Errorf("forgetting %s: %w", uid, err)
		}
	}
	return s.fail("forgotten")
}

func (s *SQLite) applyEvents(ctx context.Context, rows []eventRow) error {
	minutes := map[int64][2]int64{}
	for i := range rows {
		r := &rows[i]
		if r.seq != s.last+1 {
			return &SequenceError{Want: uint64(s.last + 1), Got: uint64(r.seq)}
		}
		if err := s.saveEvent(ctx, r); err != nil {
			return fmt.Errorf("saving event %d: %w", r.seq, err)
		}
		s.last = r.seq
		m := minuteOf(r.time)
		span, ok := minutes[m]
		if !ok {
			span[0] = r.seq
		}
		minutes[m] = [2]int64{span[0], r.seq}
	}
	for m, span := range minutes {
		if err := s.saveMinute(ctx, m, span[0], span[1]); err != nil {
			return fmt.Errorf("saving the minute of event %d: %w", span[0], err)
		}
	}
	return nil
}

func (s *SQLite) saveEvent(ctx context.Context, r *eventRow) error {
	var err error
	if r.kind, err = s.kind(ctx, r.ref); err != nil {
		return err
	}
	err = s.exec(ctx, stEvent, r.seq, r.time, r.typ, r.kind, r.resource, r.object, r.namespace, r.uid, r.sum(), r.body)
	if err != nil {
		return err
	}
	for _, m := range r.managers {
		if err := s.exec(ctx, stManager, hash32(m), r.seq); err != nil {
			return err
		}
	}
	return s.keepFinding(ctx, r)
}

// kind returns the number of an event's resource.
func (s *SQLite) kind(ctx context.Context, ref watch.ResourceRef) (int64, error) {
	if id, ok := s.kinds[ref]; ok {
		return id, nil
	}
	id := int64(1)
	for _, taken := range s.kinds {
		id = max(id, taken+1)
	}
	s.kinds[ref] = id
	return id, s.exec(ctx, stKind, id, ref.Group, ref.Version, ref.Resource, ref.Kind, kindSum(id, ref))
}

func (s *SQLite) saveMinute(ctx context.Context, minute, first, last int64) error {
	var lo, hi, sum int64
	err := s.st[stMinute].QueryRowContext(ctx, minute).Scan(&lo, &hi, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		lo, hi = first, last
	case err != nil:
		return err
	case sum != minuteSum(minute, lo, hi):
		return damagedf("the table of minutes", "%w", errSum)
	}
	lo, hi = min(lo, first), max(hi, last)
	return s.exec(ctx, stSaveMinute, minute, lo, hi, minuteSum(minute, lo, hi))
}

func (s *SQLite) saveCheckpoint(ctx context.Context, c watch.Checkpoint) error {
	c.Time = timeOf(timeValue(c.Time))
	id, known := s.resources[c.Resource]
	if !known {
		err := s.conn.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1 FROM resources").Scan(&id)
		if err != nil {
			return err
		}
		s.resources[c.Resource] = id
	}
	r := resourceRow{id: id, Checkpoint: c}
	args := []any{c.CRD, c.Ref.Group, c.Ref.Version, c.Ref.Resource, c.Ref.Kind,
		c.Position, timeValue(c.Time), c.Scope, string(c.Origin), r.sum(), id}
	if known {
		return s.exec(ctx, stCheckpoint, args...)
	}
	return s.exec(ctx, stNewCheckpoint, append(args, resourceKey(c.Resource))...)
}

func (s *SQLite) saveState(ctx context.Context, st *State) error {
	id, known := s.resources[st.Resource]
	o := &st.Object
	if st.Deleted {
		if !known {
			return nil
		}
		return s.exec(ctx, stDeleteState, id, o.Namespace, o.Name, uidValue(o.UID))
	}
	if !known {
		return &UnknownResourceError{Resource: st.Resource, Name: o.Namespace + "/" + o.Name}
	}
	dictionary, err := s.dictionary(ctx, o.Dictionary)
	if err != nil {
		return fmt.Errorf("saving the dictionary of %s/%s: %w", o.Namespace, o.Name, err)
	}
	r := objectRow{resource: id, dictionary: dictionary, SavedObject: *o}
	if r.Body == nil {
		r.Body = []byte{} // nil is NULL
	}
	err = s.exec(ctx, stState, id, o.Namespace, o.Name, uidValue(o.UID), versionValue(o.ResourceVersion),
		o.Generation, dictionary, r.sum(), r.Body)
	if err != nil {
		return fmt.Errorf("saving the state of %s/%s: %w", o.Namespace, o.Name, err)
	}
	return nil
}

// dictionary returns the number of a dictionary, 0 for none.
func (s *SQLite) dictionary(ctx context.Context, data []byte) (int64, error) {
	if len(data) == 0 {
		return 0, nil
	}
	if id, ok := s.dicts.find(data); ok {
		return id, nil
	}
	hash := sha256.Sum256(data)
	var id int64
	err := s.st[stDictionary].QueryRowContext(ctx, hash[:]).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		var result sql.Result
		if result, err = s.st[stNewDictionary].ExecContext(ctx, hash[:], data); err == nil {
			id, err = result.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	s.dicts.add(data, id)
	return id, nil
}

// forget hides a resource. Prune removes its objects, of which there may be very many.
func (s *SQLite) forget(ctx context.Context, uid types.UID) error {
	id, known := s.resources[uid]
	if !known {
		return nil
	}
	delete(s.resources, uid)
	if err := s.exec(ctx, stDeleteCounts, id); err != nil {
		return err
	}
	return s.exec(ctx, stForget, id)
}
