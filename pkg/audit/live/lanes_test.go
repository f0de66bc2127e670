package live

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// sick is a world in which nothing is there, and whose webhook takes a while to say that
// it is down.
type sick struct {
	mu    sync.Mutex
	takes time.Duration
	down  bool
	asked int
}

func (s *sick) Answer(_ context.Context, q audit.Question) audit.Answer {
	if q.Resource != "sicks" {
		<-time.After(5 * time.Millisecond)
		return audit.Answer{Outcome: audit.Absent}
	}
	s.mu.Lock()
	s.asked++
	takes, down := s.takes, s.down
	s.mu.Unlock()
	<-time.After(takes)
	if down {
		return audit.Answer{Message: "reading sicks " + q.Name + ": the webhook is down"}
	}
	return audit.Answer{Outcome: audit.Absent}
}

func (s *sick) Follow(ctx context.Context, q audit.Question, answered func(audit.Answer)) {
	answered(s.Answer(ctx, q))
	<-ctx.Done()
}

func (s *sick) recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.down = 5*time.Millisecond, false
}

// TestOneSickTypeHoldsUpNoOther: however long the API server takes to say nothing about
// one type, what depends on others is found in time, whether it was there at first or has
// just come.
func TestOneSickTypeHoldsUpNoOther(t *testing.T) {
	const objects = 300
	ask := needs(func(name string) audit.Question {
		resource, name, _ := strings.Cut(name, "/")
		return audit.Question{Version: "v1", Resource: resource, Namespace: "web", Name: name}
	})
	needing := func(of, name string) map[string]any { return object(name, map[string]any{"needs": of + "/" + name}) }
	for name, takes := range map[string]time.Duration{"fails": 800 * time.Millisecond, "is silent": 90 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h, w := newCluster(t), newHistory(t), &sick{takes: takes, down: true}
				widgets, gadgets := c.synced("widgets"), c.synced("gadgets")
				for i := range objects {
					c.put(widgets, needing("sicks", fmt.Sprint("w", i)))
				}
				c.put(gadgets, needing("fines", "g"))
				a, stop := runWith(t, Options{Evaluator: audit.Evaluator{Rules: []audit.Rule{ask}}, Source: c, Answers: w, Record: h.record})
				defer stop()
				pass(2 * time.Second)
				expect(t, "what was there", "open CR103 high web/g", h)
				c.put(gadgets, needing("fines", "h"))
				pass(500 * time.Millisecond)
				expect(t, "what came", "open CR103 high web/h", h)

				pass(takes + 15*time.Second)
				expect(t, "of the sick type", "", h)
				if got := notEvaluated(a); !strings.Contains(got, "widgets CR103 Incomplete") || strings.Contains(got, "Evaluating") {
					t.Errorf("not evaluated: %.200s", got)
				}
				if w.asked > 50 {
					t.Errorf("asked %d times", w.asked)
				}
				w.recover()
				pass(takes + 20*time.Second)
				if n := len(strings.Split(h.told(), ";")); n != objects {
					t.Errorf("%d of %d are found when the type has recovered", n, objects)
				}
				if got := notEvaluated(a); got != "" {
					t.Errorf("at last, not evaluated: %.200s", got)
				}
			})
		})
	}
}

// TestASlowAnswerIsNoFailure: where everything takes long, everything is asked.
func TestASlowAnswerIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, w := newCluster(t), newHistory(t), newWorld()
		crd := c.synced("widgets")
		for i := range 20 {
			name := fmt.Sprint("o", i)
			c.put(crd, object(name, map[string]any{"needs": name}))
			w.set(service(name), audit.Answer{Outcome: audit.Absent})
		}
		a, stop := runWith(t, Options{Evaluator: audit.Evaluator{Rules: []audit.Rule{needs(service)}}, Source: c,
			Answers: slowly{w, 2 * time.Second}, Record: h.record})
		defer stop()
		for a.Counts()[audit.Class{Rule: "CR103", Severity: audit.High}] < 20 {
			for _, u := range a.Findings().NotEvaluated {
				if u.Reason != audit.Evaluating && u.Reason != string(watch.Syncing) {
					t.Fatalf("not evaluated: %v", u)
				}
			}
			pass(100 * time.Millisecond)
		}
	})
}
