package live

import (
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// requestSweep has all objects of a resource looked at, and counted anew. One that is
// under way begins again.
func (a *Auditor) requestSweep(r *resource) {
	if r.MetadataOnly {
		return // there will be one when there are whole objects
	}
	if r.preparing {
		r.asked = true
		return
	}
	a.inbox.want(r.uid, true) // before the list is made: what is not in it must come
	records, ok := a.opts.Source.Records(r.uid)
	if !ok {
		return
	}
	r.preparing = true
	a.dropSweep(r)
	a.answers.workers.Go(func() {
		p := prepare(r, records)
		a.inbox.put(func(n *news) { n.prepared = append(n.prepared, p) })
	})
}

func (a *Auditor) dropSweep(r *resource) {
	r.next = nil
	a.sweeps = slices.DeleteFunc(a.sweeps, func(s *resource) bool { return s == r })
}

// beginSweep takes a list that is ready, and what was held back for it.
func (a *Auditor) beginSweep(p prepared) {
	r := p.resource
	r.preparing = false
	held := r.held
	r.held = nil
	if a.resources[r.uid] != r {
		return
	}
	if r.MetadataOnly {
		r.asked = false
		for _, it := range held {
			a.changeObject(r, it)
		}
		return
	}
	r.next = newCounting(p)
	clear(r.waiting)
	a.sweeps = append(a.sweeps, r)
	for _, s := range r.subjects {
		s.unseen = true
	}
	for _, it := range held {
		a.changeObject(r, it)
	}
	if r.asked {
		r.asked = false
		a.requestSweep(r)
	}
}

// nextSweep returns the resource whose objects are to be looked at, if it is time for that.
func (a *Auditor) nextSweep(now time.Time) *resource {
	if len(a.sweeps) == 0 || now.Before(a.rest) || a.answers.busy() {
		return nil
	}
	for _, r := range a.sweeps {
		if len(r.waiting) < busyAt {
			return r
		}
	}
	return nil
}

// sweepSlice looks at objects for a while, then rests according to its share.
func (a *Auditor) sweepSlice(r *resource) {
	c, began := r.next, time.Now()
	for c.at < len(c.list) && time.Since(began) < sliceTime && len(r.waiting) < busyAt && !a.answers.busy() {
		l := c.list[c.at]
		c.at++
		if !l.gone {
			a.sweepObject(r, l.Record)
		}
	}
	if c.at == len(c.list) {
		a.endSweep(r)
	}
	now := time.Now()
	took := now.Sub(began)
	a.sweepTurn, a.rest = now, now.Add(time.Duration(float64(took)*(1/a.opts.Share-1)))
}

func (a *Auditor) sweepObject(r *resource, record *watch.Record) {
	o, err := a.read(r, record)
	if err == nil {
		r.next.census.Add(o)
	}
	a.judgeObject(r, record, o, err)
}

// endSweep makes the new census the one that counts.
func (a *Auditor) endSweep(r *resource) {
	a.dropSweepKeeping(r)
	now := time.Now()
	for _, s := range r.subjects {
		switch {
		case !s.unseen:
		case r.Whole:
			a.remove(s, now)
		default:
			a.drop(s) // what is selected may have changed, and then nothing is known of it
		}
	}
	for _, s := range r.subjects {
		for rule := range rulesOf(s.shown) {
			r.counting.census.Note(rule, s.key, 1)
		}
	}
	if len(r.subjects) < maxSubjects {
		r.crowded = false
	}
	a.settling[r] = true
	a.countChanged(r)
	a.view.resource(r.uid, r.unevaluated())
	a.firstSweep(r)
	a.touch(r)
}

// dropSweepKeeping ends a sweep with what it counted.
func (a *Auditor) dropSweepKeeping(r *resource) {
	next := r.next
	a.dropSweep(r)
	r.counting = next
}

// finishSettling drops the list of a sweep when it has served.
func (a *Auditor) finishSettling(r *resource) {
	if r.counting != nil && a.inbox.passed(r.uid, r.counting.position) && len(r.held) == 0 {
		r.counting.settled()
		delete(a.settling, r)
	}
}

// change takes in what happened to an object.
func (a *Auditor) change(it *item) {
	r := a.resources[it.crd]
	switch {
	case r == nil:
	case !r.preparing:
		a.changeObject(r, it)
	case len(r.held) < maxItems:
		r.held = append(r.held, it)
	default:
		r.asked = true // held is not enough: once more
	}
}

func (a *Auditor) changeObject(r *resource, it *item) {
	read := func(record *watch.Record) *audit.Object {
		o, err := a.read(r, record)
		if err != nil {
			return nil
		}
		return o
	}
	objects := r.objects()
	for _, c := range []*counting{r.counting, r.next} {
		if c != nil {
			c.apply(it, read)
		}
	}
	a.touch(r)
	if (objects == 0) != (r.objects() == 0) {
		a.countChanged(r)
	}
	if it.deleted || it.added {
		a.targetChanged(it.job)
	}
	if it.deleted {
		a.updates.forget(it.job)
		a.answers.unask(it.job)
		a.waited(r, it.key)
		if s := r.subjects[it.key]; s != nil {
			a.remove(s, time.Now())
		}
		return
	}
	if a.live {
		a.updates.add(it.job, it.updates, time.Now())
	}
	if r.MetadataOnly {
		return
	}
	o, err := a.read(r, it.now)
	a.judgeObject(r, it.now, o, err)
}

func (r *resource) objects() int {
	if r.counting == nil {
		return -1
	}
	return r.counting.census.Objects
}

// read decodes an object, redacted by today's rules, which may be stricter than when
// it was read.
func (a *Auditor) read(r *resource, record *watch.Record) (*audit.Object, error) {
	content, size, err := record.Content()
	if err != nil {
		return nil, err
	}
	def, err := a.definition(r)
	if err != nil {
		return nil, err
	}
	if def.redact != nil {
		def.redact.Redact(content)
	}
	return audit.NewObject(content, size), nil
}
