package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// keepFinding keeps which findings are open, beside the events that say so: those go
// when they are past retention, whether the finding is open still or not. It is called
// in the transaction of the event.
func (s *SQLite) keepFinding(ctx context.Context, r *eventRow) error {
	switch {
	case r.fingerprint == "":
		return nil
	case r.resolved:
		return s.exec(ctx, stResolve, r.fingerprint)
	}
	return s.exec(ctx, stFinding, r.fingerprint, r.seq, r.time, r.typ, r.kind, r.resource, r.object, r.namespace,
		r.uid, r.sum(), r.body)
}

// OpenFindings returns the events of all findings that are open, in the order in which
// they came. An ErrDamaged comes with those that can be read.
func (r *Reader) OpenFindings(ctx context.Context) ([]watch.Event, error) {
	open, err := r.openFindings(ctx)
	var events []watch.Event
	errs := []error{err}
	for i := range open {
		if open[i].err != nil {
			errs = append(errs, open[i].err)
			continue
		}
		events = append(events, open[i].Event)
	}
	if err := errors.Join(errs...); err != nil {
		return events, fmt.Errorf("reading the open findings in %s: %w", r.path, err)
	}
	return events, nil
}

// openFindings reads the table in order of the events.
func (r *Reader) openFindings(ctx context.Context) ([]foundEvent, error) {
	found, err := readEvents(ctx, r.db, eventsSQL("findings", "TRUE ORDER BY e.seq"))
	if err != nil {
		return nil, r.suspect(err)
	}
	for i := range found {
		if f := &found[i]; f.err == nil && f.Finding == nil {
			f.err = damagedf(fmt.Sprintf("the open finding of event %d", f.seq), "it is no finding")
		}
	}
	return found, nil
}

// findingTally is what the events say of findings: for each fingerprint the last event.
type findingTally map[string]lastFinding

type lastFinding struct {
	seq  int64
	open bool
}

func (t findingTally) add(ev *watch.Event) {
	if ev.Finding != nil {
		t[ev.Finding.Fingerprint] = lastFinding{int64(ev.Seq), ev.Finding.State == watch.FindingOpen}
	}
}

// checkFindings compares the open findings with the events, as far as these are kept.
func (r *Reader) checkFindings(ctx context.Context, t findingTally, rep *Report) error {
	open, err := r.openFindings(ctx)
	if err != nil {
		return ignoreDamage(err)
	}
	kept := map[string]bool{}
	for i := range open {
		f := &open[i]
		if f.err != nil {
			rep.add("an open finding: %v", f.err)
			continue
		}
		fingerprint := f.Finding.Fingerprint
		kept[fingerprint] = true
		if last, ok := t[fingerprint]; ok && (last.seq != f.seq || !last.open) {
			rep.add("the finding of event %d counts as open, but event %d says something else of it", f.seq, last.seq)
		}
	}
	for _, fingerprint := range sortedKeys(t) {
		if last := t[fingerprint]; last.open && !kept[fingerprint] {
			rep.add("the finding of event %d is open, and does not count as such", last.seq)
		}
	}
	return nil
}
