package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Report is what Check found.
type Report struct {
	// Events and Objects that were read, and Resources that are known.
	Events, Objects, Resources int64
	// Faults are what is wrong, in words, at most maxFaults of them; Omitted counts
	// the rest. There are none in a sound history.
	Faults  []string
	Omitted int
}

const maxFaults = 100

func (r *Report) add(format string, args ...any) {
	if len(r.Faults) == maxFaults {
		r.Omitted++
		return
	}
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// Check reads everything and compares it with what is promised. It takes its time,
// and eight bytes of memory per event, and may run beside a server. An error says
// that the check could not be finished; what is wrong stands in the Report.
func (r *Reader) Check(ctx context.Context) (Report, error) {
	var rep Report
	for _, part := range []func(context.Context, *Report) error{
		r.checkDatabase, r.checkEvents, r.checkResources, r.checkCounts,
	} {
		if err := part(ctx, &rep); err != nil {
			return rep, fmt.Errorf("checking %s: %w", r.path, r.suspect(err))
		}
	}
	return rep, nil
}

func (r *Reader) checkDatabase(ctx context.Context, rep *Report) error {
	faults, err := checkIntegrity(ctx, r.db)
	for _, f := range faults {
		rep.add("the database: %s", f)
	}
	return err
}

// checkIntegrity is SQLite's own check: pages, and that each index has what its table
// has. It reads everything.
func checkIntegrity(ctx context.Context, q querier) ([]string, error) {
	rows, err := q.QueryContext(ctx, "PRAGMA integrity_check(10)")
	if err != nil {
		if isDamage(err) {
			return []string{err.Error()}, nil
		}
		return nil, err
	}
	defer rows.Close()
	var faults []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		if s != "ok" {
			faults = append(faults, s)
		}
	}
	if err := rows.Err(); err != nil && !isDamage(err) {
		return nil, err
	} else if err != nil {
		faults = append(faults, err.Error())
	}
	return faults, nil
}

// tally is what is compared with other tables when all events were read.
type tally struct {
	ids                   []uint64
	managers, first, last int64
	findings              findingTally
}

func (r *Reader) checkEvents(ctx context.Context, rep *Report) error {
	t := tally{first: math.MaxInt64, findings: findingTally{}}
	minutes := map[int64][2]int64{}
	for ev, err := range r.Events(ctx, Query{}) {
		if errors.Is(err, ErrDamaged) && ev.Seq > 0 {
			rep.add("%v", err)
			continue
		}
		if err != nil {
			if isDamage(err) {
				break // as checkDatabase has said
			}
			return err
		}
		rep.Events++
		t.ids = append(t.ids, hash64(ev.ID))
		managers := slices.Sorted(slices.Values(ev.Managers))
		t.managers += int64(len(slices.Compact(managers)))
		t.findings.add(&ev)
		t.first, t.last = min(t.first, int64(ev.Seq)), max(t.last, int64(ev.Seq))
		m := minuteOf(timeValue(ev.Time))
		span, ok := minutes[m]
		if !ok {
			span = [2]int64{int64(ev.Seq), int64(ev.Seq)}
		}
		minutes[m] = [2]int64{min(span[0], int64(ev.Seq)), max(span[1], int64(ev.Seq))}
	}
	if err := r.checkMinutes(ctx, minutes, rep); err != nil {
		return err
	}
	if err := r.checkManagers(ctx, t, rep); err != nil {
		return err
	}
	if err := r.checkFindings(ctx, t.findings, rep); err != nil {
		return err
	}
	return r.checkIDs(ctx, t.ids, rep)
}

// checkMinutes makes sure that a search by time finds every event.
func (r *Reader) checkMinutes(ctx context.Context, minutes map[int64][2]int64, rep *Report) error {
	for _, m := range sortedKeys(minutes) {
		at := timeOf(m * 60e6)
		first, last, err := readMinutes(ctx, r.db, at, at)
		if err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		if err != nil {
			rep.add("%v", err)
		} else if first > minutes[m][0] || last < minutes[m][1] {
			rep.add("events %d to %d are not found by their time", minutes[m][0], minutes[m][1])
		}
	}
	return nil
}

func (r *Reader) checkManagers(ctx context.Context, t tally, rep *Report) error {
	n, err := readInts(ctx, r.db, "SELECT count(*) FROM managers WHERE seq BETWEEN ? AND ?", t.first, t.last)
	if err != nil {
		return ignoreDamage(err)
	}
	// Those whose hashes collide share a row.
	if n[0] > t.managers {
		rep.add("%d managers of events are found that the events do not name", n[0]-t.managers)
	}
	if n[0] < t.managers-t.managers/1000 {
		rep.add("%d managers of events are not found", t.managers-n[0])
	}
	return nil
}

// ignoreDamage is for what comes after checkDatabase, which tells of it.
func ignoreDamage(err error) error {
	if isDamage(err) {
		return nil
	}
	return err
}

// checkIDs compares hashes, and the IDs themselves only of those that are equal.
func (r *Reader) checkIDs(ctx context.Context, ids []uint64, rep *Report) error {
	slices.Sort(ids)
	twice := map[uint64]bool{}
	for i := range ids {
		if i > 0 && ids[i] == ids[i-1] {
			twice[ids[i]] = true
		}
	}
	if len(twice) == 0 {
		return nil
	}
	seen := map[string]uint64{}
	for ev, err := range r.Events(ctx, Query{}) {
		if err != nil && (!errors.Is(err, ErrDamaged) || ev.Seq == 0) {
			return err
		}
		if err != nil || !twice[hash64(ev.ID)] {
			continue
		}
		if first, ok := seen[ev.ID]; ok {
			rep.add("event %d has the ID of event %d: %s", ev.Seq, first, ev.ID)
			continue
		}
		seen[ev.ID] = ev.Seq
	}
	return nil
}

func (r *Reader) checkResources(ctx context.Context, rep *Report) error {
	checkpoints, err := r.Checkpoints(ctx)
	if errors.Is(err, ErrDamaged) {
		rep.add("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	rep.Resources = int64(len(checkpoints))
	for _, c := range checkpoints {
		if c.Ref == (watch.ResourceRef{}) {
			rep.add("the checkpoint of %s (%s) names no resource", c.CRD, c.Resource)
		}
		if err := r.checkObjects(ctx, c, rep); err != nil {
			return err
		}
	}
	orphans, err := readInts(ctx, r.db, "SELECT count(*) FROM objects WHERE resource NOT IN (SELECT id FROM resources)")
	if err != nil {
		return ignoreDamage(err)
	}
	if orphans[0] > 0 {
		rep.add("%d objects are of no resource that is known", orphans[0])
	}
	return nil
}

// maxObject is more than the API server stores.
const maxObject = 64 << 20

func (r *Reader) checkObjects(ctx context.Context, c watch.Checkpoint, rep *Report) error {
	for o, err := range r.Objects(ctx, c.Resource) {
		if err == nil {
			rep.Objects++
			_, err = inflateWith(o.Body, o.Dictionary, maxObject)
			if err != nil {
				rep.add("the state of %s/%s of %s: %v", o.Namespace, o.Name, c.CRD, err)
			}
			continue
		}
		if o.Name == "" && !errors.Is(err, ErrDamaged) {
			return err
		}
		rep.add("%s: %v", c.CRD, err)
	}
	return nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
