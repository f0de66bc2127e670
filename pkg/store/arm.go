package store

import (
	"context"
	"database/sql"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// arm is a way to events: an index, what to look for in it, and whether the GAPs have
// to be looked for beside it.
type arm struct {
	from, where string
	args        []any
	gaps        bool
	// resource restricts the GAPs; nil for those of all resources.
	resource any
}

// gapsOnly says the condition of the index too: a partial one is used only where
// that is said, and not where it follows.
const gapsOnly = "type <> 2 AND type = 4"

// arms returns the ways that can answer q, without the one that reads all. Of those that
// are all long the first one is taken.
func (q *Query) arms() []arm {
	if q.Type == watch.Gap {
		return []arm{{from: "events INDEXED BY events_rare", where: gapsOnly}}
	}
	var arms []arm
	gaps := q.Type == ""
	add := func(from, where string, gaps bool, args ...any) {
		a := arm{from: from, where: where, args: args, gaps: gaps}
		if q.Resource != "" {
			a.resource = hash32(q.Resource)
		}
		arms = append(arms, a)
	}
	if q.Resource != "" && q.Namespace != nil && q.Name != "" {
		add("events INDEXED BY events_object", "object = ?", gaps, objectHash(q.Resource, *q.Namespace, q.Name))
	}
	if q.UID != "" {
		add("events INDEXED BY events_uid", "uid = ?", gaps, uidValue(q.UID))
	}
	if q.Resource != "" && q.Namespace != nil {
		add("events INDEXED BY events_place", "resource = ? AND namespace = ?", gaps, hash32(q.Resource), hash32(*q.Namespace))
	}
	if q.Manager != "" {
		add("managers", "manager = ?", gaps, hash32(q.Manager))
	}
	if q.Namespace != nil {
		add("events INDEXED BY events_namespace", "namespace = ?", gaps, hash32(*q.Namespace))
	}
	if q.Resource != "" {
		add("events INDEXED BY events_resource", "resource = ?", false, hash32(q.Resource))
	}
	if code := typeCode(q.Type); q.Type != "" && code != typeModified {
		add("events INDEXED BY events_rare", "type <> 2 AND type = ?", false, code)
	}
	return arms
}

// allEvents is the way that reads all. A minute begins long before a moment in it, by a
// thousand events perhaps, so the times are looked at before the events are decoded.
func (q *Query) allEvents() arm {
	a := arm{from: "events", where: "true"}
	if !q.Since.IsZero() {
		a.where, a.args = a.where+" AND time >= ?", append(a.args, q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		a.where, a.args = a.where+" AND time <= ?", append(a.args, q.Until.UnixMicro())
	}
	return a
}

// probe is how far the ways are followed to see which is the shortest. What SQLite
// would guess by is not known here: it has no statistics, and they would be old.
const probe = 1000

func (s *search) chooseArm(ctx context.Context, tx *sql.Tx) error {
	s.arm = s.q.allEvents()
	arms := s.q.arms()
	if len(arms) == 1 {
		s.arm = arms[0]
		return nil
	}
	shortest := probe + 1
	for _, a := range arms {
		var n int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM ("+a.seqs("ASC")+")", a.bounds(s.after, s.before, probe)...).Scan(&n)
		if err != nil {
			return err
		}
		if n < shortest {
			s.arm, shortest = a, n
		}
	}
	return nil
}

// seqs selects sequence numbers in order.
func (a *arm) seqs(order string) string {
	return "SELECT seq FROM " + a.from + " WHERE " + a.where + " AND seq > ? AND seq < ? ORDER BY seq " + order + " LIMIT ?"
}

func (a *arm) bounds(after, before int64, limit int) []any {
	return append(append([]any{}, a.args...), after, before, limit)
}

// page returns a query for the next rows, and its arguments.
func (a *arm) page(after, before int64, limit int, newest bool) (string, []any) {
	order := "ASC"
	if newest {
		order = "DESC"
	}
	seqs, args := "SELECT seq FROM ("+a.seqs(order)+")", a.bounds(after, before, limit)
	if a.gaps {
		gaps := arm{from: "events INDEXED BY events_rare", where: gapsOnly}
		if a.resource != nil {
			gaps.where, gaps.args = gapsOnly+" AND resource = ?", []any{a.resource}
		}
		// No event is on both ways: a GAP has no object. One with an empty namespace,
		// like that of a cluster-scoped object, is why it is not UNION ALL.
		seqs += " UNION SELECT seq FROM (" + gaps.seqs(order) + ")"
		args = append(args, gaps.bounds(after, before, limit)...)
	}
	seqs += " ORDER BY seq " + order + " LIMIT ?"
	return eventSQL("e.seq IN (" + seqs + ") ORDER BY e.seq " + order), append(args, limit)
}
