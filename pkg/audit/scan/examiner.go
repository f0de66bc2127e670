package scan

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// lookupWidth is the number of questions of a page that are asked at once.
const lookupWidth = 8

// examiner applies rules to objects and CRDs.
type examiner struct {
	evaluator audit.Evaluator
	now       time.Time
	// answers is nil where there is no cluster to ask.
	answers Answerer
	peers   []audit.Peer
	// server is the version of the API server.
	server string
}

// crd judges a CRD. The input lacks what the examiner knows.
func (e *examiner) crd(ctx context.Context, in *audit.Input) audit.Verdict {
	e.complete(in)
	in.Answers = e.ask(ctx, e.evaluator.Questions(audit.AboutCRD, in))
	return e.evaluator.Evaluate(audit.AboutCRD, in)
}

// page judges objects of one CRD and counts them. What their rules ask for is looked up
// for all of them together.
func (e *examiner) page(ctx context.Context, common audit.Input, objects []*audit.Object, census *audit.Census, c *audit.Collector) {
	e.complete(&common)
	inputs := make([]audit.Input, len(objects))
	var questions []audit.Question
	for i, o := range objects {
		inputs[i] = common
		inputs[i].Object = o
		questions = append(questions, e.evaluator.Questions(audit.AboutObject, &inputs[i])...)
	}
	answers := e.ask(ctx, questions)
	for i := range inputs {
		inputs[i].Answers = answers
		verdict := e.evaluator.Evaluate(audit.AboutObject, &inputs[i])
		census.Add(objects[i])
		note(census, &inputs[i], verdict, e.now)
		c.Add(verdict)
	}
}

// note counts the object among those that rules find something in.
func note(census *audit.Census, in *audit.Input, v audit.Verdict, now time.Time) {
	name := audit.Subject{Namespace: in.Object.GetNamespace(), Name: in.Object.GetName()}.Object()
	seen := map[string]bool{}
	for _, f := range audit.Holding(v.Findings, now) {
		if !seen[f.Rule] {
			seen[f.Rule] = true
			census.Note(f.Rule, name, 1)
		}
	}
}

func (e *examiner) complete(in *audit.Input) {
	in.Now, in.Peers, in.Offline, in.Server = e.now, e.peers, e.answers == nil, e.server
}

// ask answers questions, each once.
func (e *examiner) ask(ctx context.Context, questions []audit.Question) map[audit.Question]audit.Answer {
	if e.answers == nil || len(questions) == 0 {
		return nil
	}
	answers := make(map[audit.Question]audit.Answer, len(questions))
	for _, q := range questions {
		answers[q] = audit.Answer{}
	}
	found := make([]audit.Answer, 0, len(answers))
	asked := make([]audit.Question, 0, len(answers))
	for q := range answers {
		asked, found = append(asked, q), append(found, audit.Answer{})
	}
	var group errgroup.Group
	group.SetLimit(lookupWidth)
	for i := range asked {
		group.Go(func() error {
			found[i] = e.answers.Answer(ctx, asked[i])
			return nil
		})
	}
	_ = group.Wait() // nobody returns an error
	for i := range asked {
		answers[asked[i]] = found[i]
	}
	return answers
}
