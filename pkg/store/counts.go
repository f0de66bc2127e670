package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// saveCounts keeps the counts of a resource instead of those that are kept.
func (s *SQLite) saveCounts(ctx context.Context, c *watch.Counts) error {
	id, known := s.resources[c.Resource]
	if !known {
		return nil
	}
	body := encodeCounts(c.List)
	return s.exec(ctx, stCounts, id, countsSum(id, body), body)
}

func countsSum(resource int64, body []byte) int64 {
	return sumCounts.int(resource).bytes(body).value()
}

// encodeCounts writes each count as what it differs from the one before: some six bytes
// where one is made every hour.
func encodeCounts(list []watch.Count) []byte {
	body := []byte{} // nil is NULL
	var at, objects int64
	for _, c := range list {
		body = binary.AppendVarint(body, timeValue(c.Time)-at)
		body = binary.AppendVarint(body, int64(c.Objects)-objects)
		at, objects = timeValue(c.Time), int64(c.Objects)
	}
	return body
}

func decodeCounts(body []byte) ([]watch.Count, error) {
	var list []watch.Count
	var values [2]int64 // the time and the objects
	for len(body) > 0 {
		for i := range values {
			step, n := binary.Varint(body)
			if n <= 0 {
				return nil, errors.New("it is cut off")
			}
			values[i] += step
			body = body[n:]
		}
		list = append(list, watch.Count{Time: timeOf(values[0]), Objects: int(values[1])})
	}
	return list, nil
}

// Counts returns the counts of all resources that have some, sorted by the names of the
// CRDs. An ErrDamaged comes with those that can be read.
func (r *Reader) Counts(ctx context.Context) ([]watch.Counts, error) {
	all, damage, err := r.counts(ctx)
	if err = errors.Join(append(damage, err)...); err != nil {
		return all, fmt.Errorf("reading the counts in %s: %w", r.path, err)
	}
	return all, nil
}

// counts returns damage to single rows apart from what ended the reading.
func (r *Reader) counts(ctx context.Context) (all []watch.Counts, damage []error, err error) {
	rows, err := r.db.QueryContext(ctx, `SELECT r.uid, r.crd, c.resource, c.sum, c.body
FROM counts c JOIN resources r ON r.id = c.resource WHERE r.uid IS NOT NULL ORDER BY r.crd, r.uid`)
	if err != nil {
		return nil, nil, r.suspect(err)
	}
	defer rows.Close()
	for rows.Next() {
		var uid any
		var crd string
		var id, sum int64
		var body []byte
		if err := rows.Scan(&uid, &crd, &id, &sum, &body); err != nil {
			damage = append(damage, damagedf("a row of counts", "%w", err))
			continue
		}
		list, err := decodeCounts(body)
		if sum != countsSum(id, body) {
			err = errSum
		}
		if err != nil {
			damage = append(damage, damagedf("the row of counts of "+crd, "%w", err))
			continue
		}
		all = append(all, watch.Counts{Resource: uidOf(uid), List: list})
	}
	if err := rows.Err(); err != nil {
		return all, damage, r.suspect(err)
	}
	return all, damage, nil
}

// checkCounts reads all counts.
func (r *Reader) checkCounts(ctx context.Context, rep *Report) error {
	_, damage, err := r.counts(ctx)
	if err != nil {
		return ignoreDamage(err)
	}
	for _, d := range damage {
		rep.add("%v", d)
	}
	orphans, err := readInts(ctx, r.db, "SELECT count(*) FROM counts WHERE resource NOT IN (SELECT id FROM resources WHERE uid IS NOT NULL)")
	if err != nil {
		return ignoreDamage(err)
	}
	if orphans[0] > 0 {
		rep.add("%d counts are of no resource that is known", orphans[0])
	}
	return nil
}
