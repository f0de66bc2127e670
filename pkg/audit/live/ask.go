package live

import (
	"slices"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// ask finds the answers that an input needs. It reports false while some are to come:
// then the job is evaluated again when they are here.
func (a *Auditor) ask(j job, about audit.About, in *audit.Input) bool {
	questions := a.opts.Evaluator.Questions(about, in)
	if len(questions) == 0 {
		a.answers.unask(j)
		return true
	}
	j.key = strings.Clone(j.key) // it may be a part of a Record, which would be kept for it
	a.answers.link(j, questions)
	in.Answers = make(map[audit.Question]audit.Answer, len(questions))
	ready := true
	for _, q := range questions {
		e := a.answers.asked[q]
		if found, target, ok := a.watched(q); ok {
			a.answers.retarget(q, e, target)
			in.Answers[q] = found
			continue
		}
		a.answers.retarget(q, e, job{})
		if !e.known || e.unfollow == nil && in.Now.Sub(e.at) > freshFor {
			a.answers.request(q, e)
			ready = false
			continue
		}
		in.Answers[q] = e.answer
	}
	if ready {
		a.answers.loosen(j)
	}
	return ready
}

// followAll follows what a subject with findings asks: whether they still hold can
// depend on it, and nobody else would notice.
func (a *Auditor) followAll(j job) {
	for _, q := range a.answers.byJob[j] {
		if e := a.answers.asked[q]; e != nil && e.target.crd == "" && e.known {
			a.answers.follow(q, e)
		}
	}
}

// watched answers a question about a custom resource that is watched anyway. The target
// is the object that the answer depends on.
func (a *Auditor) watched(q audit.Question) (found audit.Answer, target job, ok bool) {
	name := q.Resource
	if name == "" {
		name = q.Kind
	}
	r := a.names[[2]string{q.Group, name}]
	if r == nil || q.Kind != "" && r.Resource.Kind != q.Kind || r.State != watch.Synced || !r.Whole {
		return found, target, false
	}
	res := &r.Resource
	if q.Version != "" && !slices.Contains(res.ServedVersions, q.Version) {
		return audit.Answer{Outcome: audit.NotServed}, job{crd: r.uid}, true
	}
	switch {
	case q.Name == "" && q.Selector == "" && !q.All:
		return audit.Answer{Outcome: audit.Found, Namespaced: res.Namespaced}, job{crd: r.uid}, true
	case q.Name == "", q.Whole && q.Version != "" && q.Version != res.GVR.Version:
		return found, target, false
	}
	target = job{r.uid, q.Name}
	if res.Namespaced {
		target.key = q.Namespace + "/" + q.Name
	}
	found = audit.Answer{Outcome: audit.Absent, Namespaced: res.Namespaced}
	if record := a.opts.Source.Record(r.uid, target.key); record != nil {
		if q.Whole && record.MetadataOnly() {
			return found, target, false
		}
		content, err := record.Object()
		if err != nil {
			return found, target, false
		}
		found.Outcome, found.Objects = audit.Found, []map[string]any{content}
	}
	return found, target, true
}

// answered takes in what the cluster said.
func (a *Auditor) answered(n answer) {
	if !a.answers.take(n, time.Now()) {
		return
	}
	for j := range a.answers.asked[n.question].askers {
		a.again.push(j)
	}
}

// targetChanged has those looked at again who asked about an object that came or went.
func (a *Auditor) targetChanged(target job) {
	a.answers.objectChanged(target, a.again.push)
	for j := range a.answers.loose[job{crd: target.crd}] {
		if r := a.resources[j.crd]; r != nil && r.next == nil {
			a.requestSweep(r)
		}
	}
}

// jobs are in a queue once at most.
type jobs struct {
	queue[job]
	in map[job]bool
}

func (q *jobs) push(j job) {
	if !q.in[j] {
		q.in[j] = true
		q.queue.push(j)
	}
}

func (q *jobs) pop() (job, bool) {
	j, ok := q.queue.pop()
	delete(q.in, j)
	return j, ok
}
