package live

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// busyAt is how many questions may wait before the background does, and how many
	// objects of a resource before a sweep of it does.
	busyAt = 64
	// maxFollowed is how many questions are followed.
	maxFollowed = 200
	// maxLinks is how often it is remembered who asked what. Of what goes beyond, only
	// that somebody of a resource asked about another.
	maxLinks = 50_000
	// freshFor is how long an answer will do that nobody follows.
	freshFor = time.Minute
	// The pauses before an Unknown is asked again.
	retryMin = time.Second
	retryMax = 5 * time.Minute
)

// answer is what came of a question.
type answer struct {
	question audit.Question
	audit.Answer
	// lookup is nil where nobody was asked: the answer is followed, or that was put off.
	lookup *lookup
}

// asked is a question that somebody has.
type asked struct {
	answer audit.Answer
	known  bool
	// settled is the last answer that was not Unknown, if there was one.
	settled  *audit.Answer
	at       time.Time
	waiting  bool // for an answer
	attempts int
	retryAt  time.Time
	askers   map[job]bool
	// unfollow is set while the question is followed.
	unfollow context.CancelFunc
	// target is the object that the watch answers with; its crd is empty where the API
	// server has to be asked.
	target job
}

// answers knows who asked what, and asks the cluster. It belongs to the goroutine of
// Run; what it starts answers through the inbox.
type answers struct {
	answerer Answerer
	inbox    *inbox
	ctx      context.Context //nolint:containedctx // that of Run, which joins all that has it
	workers  sync.WaitGroup

	asked   map[audit.Question]*asked
	byJob   map[job][]audit.Question
	targets map[job]map[audit.Question]bool
	links   int
	// unknown are the questions to be asked again.
	unknown map[audit.Question]*asked
	// loose are the resources of which somebody asked about objects of another, beyond
	// maxLinks.
	loose    map[job]map[job]bool
	lanes    *lanes
	waiting  int
	followed int
}

func newAnswers(answerer Answerer, b *inbox) *answers {
	return &answers{
		answerer: answerer, inbox: b, asked: map[audit.Question]*asked{}, byJob: map[job][]audit.Question{},
		lanes: newLanes(), targets: map[job]map[audit.Question]bool{}, loose: map[job]map[job]bool{}, unknown: map[audit.Question]*asked{},
	}
}

func (s *answers) start(ctx context.Context) { s.ctx = ctx }
func (s *answers) wait()                     { s.workers.Wait() }
func (s *answers) busy() bool                { return s.waiting-s.lanes.held() >= busyAt }

// link notes what a job asks now, instead of what it asked before.
func (s *answers) link(j job, questions []audit.Question) {
	before := s.byJob[j]
	if len(questions) > 0 {
		s.byJob[j] = questions
	} else {
		delete(s.byJob, j)
	}
	for _, q := range questions {
		e := s.asked[q]
		if e == nil {
			e = &asked{askers: map[job]bool{}}
			s.asked[q] = e
		}
		if !e.askers[j] {
			e.askers[j] = true
			s.links++
		}
	}
	still := map[audit.Question]bool{}
	for _, q := range questions {
		still[q] = true
	}
	for _, q := range before {
		if !still[q] {
			s.unlink(j, q)
		}
	}
}

func (s *answers) unlink(j job, q audit.Question) {
	e := s.asked[q]
	if e == nil || !e.askers[j] {
		return
	}
	delete(e.askers, j)
	s.links--
	if len(e.askers) > 0 {
		return
	}
	delete(s.asked, q)
	delete(s.unknown, q)
	if e.waiting {
		s.waiting--
	}
	s.unfollow(e)
	s.retarget(q, e, job{})
}

// unask forgets what a job asks.
func (s *answers) unask(j job) { s.link(j, nil) }

// loosen forgets who asked, where there are too many.
func (s *answers) loosen(j job) {
	if s.links <= maxLinks {
		return
	}
	for _, q := range s.byJob[j] {
		e := s.asked[q]
		if e == nil || e.target.crd == "" {
			continue
		}
		target := job{crd: e.target.crd}
		if s.loose[target] == nil {
			s.loose[target] = map[job]bool{}
		}
		s.loose[target][job{crd: j.crd}] = true
	}
	s.unask(j)
}

// retarget notes which object answers a question.
func (s *answers) retarget(q audit.Question, e *asked, target job) {
	if e.target == target {
		return
	}
	if known := s.targets[e.target]; known != nil {
		delete(known, q)
		if len(known) == 0 {
			delete(s.targets, e.target)
		}
	}
	e.target = target
	if target.crd == "" {
		return
	}
	if s.targets[target] == nil {
		s.targets[target] = map[audit.Question]bool{}
	}
	s.targets[target][q] = true
}

// request has the cluster asked, once.
func (s *answers) request(q audit.Question, e *asked) {
	if q.Follow {
		s.follow(q, e)
	}
	if e.waiting {
		return
	}
	e.waiting = true
	s.waiting++
	if e.unfollow == nil {
		s.lanes.push(q)
		s.pump(time.Now())
	}
}

// follow has changes of an answer told, if there is room.
func (s *answers) follow(q audit.Question, e *asked) {
	if e.unfollow != nil || s.followed >= maxFollowed {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	e.unfollow = cancel
	s.followed++
	s.workers.Go(func() {
		s.answerer.Follow(ctx, q, func(found audit.Answer) {
			s.inbox.put(func(n *news) { n.answers = append(n.answers, answer{q, found, nil}) })
		})
	})
}

func (s *answers) unfollow(e *asked) {
	if e.unfollow != nil {
		e.unfollow()
		e.unfollow = nil
		s.followed--
	}
}

// take takes in an answer, and reports whether it is another than before.
func (s *answers) take(n answer, now time.Time) (changed bool) {
	if n.lookup != nil {
		s.ended(n.lookup, n.Answer, now)
		defer s.pump(now)
	}
	e := s.asked[n.question]
	if e == nil {
		return false
	}
	if e.waiting {
		e.waiting = false
		s.waiting--
		changed = true // somebody waits for it
	}
	n.Answer = e.since(n.Answer, now)
	changed = changed || !e.known || !reflect.DeepEqual(e.answer, n.Answer)
	e.answer, e.known, e.at = n.Answer, true, now
	if n.Outcome == audit.Unknown {
		e.retryAt = now.Add(min(retryMin<<min(e.attempts, 10), retryMax))
		e.attempts++
		s.unknown[n.question] = e
	} else {
		delete(s.unknown, n.question)
		e.retryAt, e.attempts = time.Time{}, 0
	}
	return changed
}

// since notes from when on an answer has been what it is. Of the first one nobody knows.
func (e *asked) since(found audit.Answer, now time.Time) audit.Answer {
	if found.Outcome == audit.Unknown {
		return found
	}
	if e.settled != nil {
		found.Since = e.settled.Since
		if !reflect.DeepEqual(*e.settled, found) {
			found.Since = now
		}
	}
	e.settled = &found
	return found
}

// retry asks again what nobody could answer. Whatever is followed tells by itself.
func (s *answers) retry(now time.Time) {
	for q, e := range s.unknown {
		if !now.Before(e.retryAt) {
			delete(s.unknown, q)
			if e.unfollow == nil {
				s.request(q, e)
			}
		}
	}
}

// next is when something is to be asked again, but not after a limit.
func (s *answers) next(limit time.Time) time.Time {
	for _, e := range s.unknown {
		limit = earlier(limit, e.retryAt)
	}
	return limit
}

// objectChanged tells the askers that an object has come or gone.
func (s *answers) objectChanged(target job, tell func(job)) {
	for q := range s.targets[target] {
		for j := range s.asked[q].askers {
			tell(j)
		}
	}
}

// typeChanged tells those who asked about types of a group that there are others now.
func (s *answers) typeChanged(group string, tell func(job)) {
	for q, e := range s.asked {
		if q.Group != group {
			continue
		}
		e.at = time.Time{}
		for j := range e.askers {
			tell(j)
		}
	}
}
