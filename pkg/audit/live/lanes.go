package live

import (
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// lookups is how many questions are asked at once, not counting those that take
	// longer than slowAfter.
	lookups   = 4
	slowAfter = 500 * time.Millisecond
	// failedFor is how long nobody is asked about a type after that took long and failed.
	failedFor = time.Second
)

// lanes are the questions that are to be asked, by the type that they are about: one of
// which the objects cannot be had, because its conversion webhook is down, must not hold
// up the others. So the types take turns. A lookup that takes long gives its place up, and
// no other of that type begins before it has ended. When it has failed, the questions that
// wait are answered with that, and one at a time is asked until that succeeds.
type lanes struct {
	byType map[typeAsked]*lane
	// order are the lanes that have questions, the next one first.
	order []*lane
	// slow are those with a lookup that takes long.
	slow map[*lane]bool
	// running are the lookups that do not take long yet.
	running int
}

// typeAsked is what a question is about, without the object.
type typeAsked struct{ group, version, resource, kind string }

type lane struct {
	typeAsked
	questions []audit.Question
	// running and slow are its lookups, of all and of those that take long.
	running, slow int
	// failure is why the last lookup failed that took long; empty if one has succeeded
	// since. Until then nobody is asked again.
	failure string
	until   time.Time
}

// lookup is a question that is being asked.
type lookup struct {
	lane        *lane
	began       time.Time
	slow, ended bool
}

func newLanes() *lanes { return &lanes{byType: map[typeAsked]*lane{}, slow: map[*lane]bool{}} }

func typeOf(q audit.Question) typeAsked { return typeAsked{q.Group, q.Version, q.Resource, q.Kind} }

// push has a question asked when it is its turn.
func (l *lanes) push(q audit.Question) {
	one := l.byType[typeOf(q)]
	if one == nil {
		one = &lane{typeAsked: typeOf(q)}
		l.byType[one.typeAsked] = one
	}
	if one.questions = append(one.questions, q); len(one.questions) == 1 {
		l.order = append(l.order, one)
	}
}

// next returns the next question that may be asked.
func (l *lanes) next() (q audit.Question, of *lane, ok bool) {
	i := slices.IndexFunc(l.order, (*lane).open)
	if i < 0 {
		return q, nil, false
	}
	of = l.order[i]
	l.order = slices.Delete(l.order, i, i+1)
	q, of.questions = of.questions[0], of.questions[1:]
	if len(of.questions) > 0 {
		l.order = append(l.order, of)
	} else {
		of.questions = nil
	}
	return q, of, true
}

// open: another question of the lane may be asked.
func (l *lane) open() bool {
	return l.slow == 0 && (l.failure == "" || l.running == 0)
}

// held are the questions that wait for a lookup of their lane that takes long.
func (l *lanes) held() (n int) {
	for one := range l.slow {
		n += len(one.questions)
	}
	return n
}

// forget drops a lane of which nothing is to be remembered.
func (l *lanes) forget(one *lane) {
	if len(one.questions) == 0 && one.running == 0 && one.failure == "" {
		delete(l.byType, one.typeAsked)
	}
}

// pump starts as many lookups as may run.
func (s *answers) pump(now time.Time) {
	for s.lanes.running < lookups {
		q, of, ok := s.lanes.next()
		switch {
		case !ok:
			return
		case s.asked[q] == nil: // nobody asks any more
			s.lanes.forget(of)
		case now.Before(of.until):
			off := audit.Answer{Message: "not tried, because it has just failed for another one: " + of.failure}
			s.inbox.put(func(n *news) { n.answers = append(n.answers, answer{q, off, nil}) })
		default:
			s.lookUp(q, &lookup{lane: of, began: now})
		}
	}
}

// lookUp asks the cluster.
func (s *answers) lookUp(q audit.Question, l *lookup) {
	s.lanes.running++
	l.lane.running++
	s.workers.Go(func() {
		timer := time.AfterFunc(slowAfter, func() {
			s.inbox.put(func(n *news) { n.slow = append(n.slow, l) })
		})
		defer timer.Stop()
		found := s.answerer.Answer(s.ctx, q)
		s.inbox.put(func(n *news) { n.answers = append(n.answers, answer{q, found, l}) })
	})
}

// takesLong has a lookup give its place up.
func (s *answers) takesLong(l *lookup, now time.Time) {
	if l.ended {
		return
	}
	l.slow = true
	l.lane.slow++
	s.lanes.slow[l.lane] = true
	s.lanes.running--
	s.pump(now)
}

// ended takes in what became of a lookup.
func (s *answers) ended(l *lookup, found audit.Answer, now time.Time) {
	l.ended = true
	of := l.lane
	of.running--
	if !l.slow {
		s.lanes.running--
	} else if of.slow--; of.slow == 0 {
		delete(s.lanes.slow, of)
	}
	switch {
	case found.Outcome == audit.Unknown && now.Sub(l.began) >= slowAfter:
		of.failure, of.until = found.Message, now.Add(failedFor)
	case of.failure != "":
		of.failure, of.until = "", time.Time{}
		s.recovered(of, now)
	}
	s.lanes.forget(of)
}

// recovered has everything asked again that a lane could not tell.
func (s *answers) recovered(of *lane, now time.Time) {
	for q, e := range s.unknown {
		if typeOf(q) == of.typeAsked {
			e.retryAt = now
		}
	}
}
