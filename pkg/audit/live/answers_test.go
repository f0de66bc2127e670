package live

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// needs finds what an object names in spec.needs and is not there.
func needs(q func(name string) audit.Question) audit.Rule {
	ask := func(in *audit.Input) []audit.Question {
		spec, _ := in.Object.Object["spec"].(map[string]any)
		if name, ok := spec["needs"].(string); ok {
			return []audit.Question{q(name)}
		}
		return nil
	}
	return audit.Rule{ID: "CR103", Severity: audit.High, About: audit.AboutObject, Ask: ask, Check: func(in *audit.Input) ([]audit.Finding, error) {
		for _, q := range ask(in) {
			switch a := in.Answer(q); a.Outcome {
			case audit.Unknown:
				return nil, fmt.Errorf("%s", a.Message)
			case audit.Found:
			default:
				return []audit.Finding{{Message: "it needs what is not there"}}, nil
			}
		}
		return nil, nil
	}}
}

func service(name string) audit.Question {
	return audit.Question{Version: "v1", Resource: "services", Namespace: "web", Name: name}
}

var wanting = map[string]any{"needs": "x"}

func TestWhatNobodyCouldAnswerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, w := newCluster(t), newHistory(t), newWorld()
		a, stop := run(t, c, h, w, needs(service))
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", wanting))
		pass(time.Hour)
		expect(t, "unknown", "", h)
		if n := len(w.asked); n < 10 || n > 25 {
			t.Errorf("asked %d times in an hour", n)
		}
		if n := len(a.Findings().NotEvaluated); n != 1 {
			t.Errorf("%d not evaluated", n)
		}
		w.set(service("x"), audit.Answer{Outcome: audit.Absent})
		pass(retryMax)
		expect(t, "absent", "open CR103 high web/a", h)
		// What a finding hangs on is followed, though the rule does not ask for that.
		w.set(service("x"), audit.Answer{Outcome: audit.Found})
		pass(time.Second)
		expect(t, "there", "resolved CR103 high web/a", h)
		c.remove(crd, "web/a")
		pass(time.Second)
		if len(w.follows) != 0 || len(a.answers.asked) != 0 || a.answers.links != 0 || a.answers.waiting != 0 {
			t.Errorf("%d followed, %d asked, %d links, %d waiting when nobody asks", len(w.follows), len(a.answers.asked), a.answers.links, a.answers.waiting)
		}
		asked := len(w.asked)
		pass(time.Hour)
		if len(w.asked) != asked {
			t.Errorf("asked %d times though nobody wants to know", len(w.asked)-asked)
		}
	})
}

func TestFollowedAnswers(t *testing.T) {
	follow := func(name string) audit.Question {
		q := service(name)
		q.Follow = true
		return q
	}
	synctest.Test(t, func(t *testing.T) {
		c, h, w := newCluster(t), newHistory(t), newWorld()
		w.set(follow("x"), audit.Answer{Outcome: audit.Found})
		a, stop := run(t, c, h, w, needs(follow))
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", wanting))
		pass(time.Second)
		expect(t, "there", "", h)
		pass(time.Hour)
		if len(w.asked) != 0 {
			t.Errorf("asked %d times what is followed", len(w.asked))
		}
		w.set(follow("x"), audit.Answer{Outcome: audit.Absent})
		pass(time.Second)
		expect(t, "gone", "open CR103 high web/a", h)
		for i := range 2 * maxFollowed {
			w.set(follow(fmt.Sprint("s", i)), audit.Answer{Outcome: audit.Found})
			c.put(crd, object(fmt.Sprint("b", i), map[string]any{"needs": fmt.Sprint("s", i)}))
		}
		pass(time.Second)
		if len(w.follows) != maxFollowed || a.answers.followed != maxFollowed {
			t.Errorf("%d are followed", len(w.follows))
		}
		expect(t, "many", "", h)
	})
}

// TestTheWatchAnswers: custom resources are not asked for, and whoever needs one is
// looked at again when it comes or goes.
func TestTheWatchAnswers(t *testing.T) {
	gadget := func(name string) audit.Question {
		return audit.Question{Group: "example.com", Version: "v1", Kind: "Gadget", Namespace: "web", Name: name}
	}
	synctest.Test(t, func(t *testing.T) {
		c, h, w := newCluster(t), newHistory(t), newWorld()
		w.set(gadget("x"), audit.Answer{Outcome: audit.NotServed})
		a, stop := run(t, c, h, w, needs(gadget))
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", wanting))
		pass(time.Second)
		expect(t, "not served", "open CR103 high web/a", h)
		asked := len(w.asked)
		gadgets := c.synced("gadgets")
		c.put(gadgets, object("x", nil))
		pass(time.Second)
		expect(t, "served, and there", "resolved CR103 high web/a", h)
		c.remove(gadgets, "web/x")
		pass(time.Second)
		expect(t, "gone", "open CR103 high web/a", h)
		c.put(gadgets, object("x", nil))
		pass(time.Second)
		expect(t, "back", "resolved CR103 high web/a", h)
		if len(w.asked) != asked {
			t.Errorf("the API server was asked %d times", len(w.asked)-asked)
		}
		// Where there are too many to remember them all, all are looked at.
		a.answers.links += maxLinks
		c.put(crd, object("a", wanting))
		pass(time.Second)
		c.remove(gadgets, "web/x")
		pass(time.Second)
		expect(t, "gone, and nobody remembers who asked", "open CR103 high web/a", h)
	})
}

// TestHowLongAnAnswerHolds: the first answer tells nothing of when it began to be so,
// another one did when it came, and not knowing for a while changes nothing.
func TestHowLongAnAnswerHolds(t *testing.T) {
	found := audit.Answer{Outcome: audit.Found, Objects: []map[string]any{{"kind": "Service"}}}
	absent, unknown := audit.Answer{Outcome: audit.Absent}, audit.Answer{Message: "no connection"}
	begin := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := newAnswers(nil, nil)
	s.asked[service("x")] = &asked{askers: map[job]bool{}}
	for i, step := range []struct {
		answer  audit.Answer
		since   time.Time
		changed bool
	}{
		{unknown, time.Time{}, true},
		{found, time.Time{}, true},
		{found, time.Time{}, false},
		{absent, begin.Add(3 * time.Minute), true},
		{absent, begin.Add(3 * time.Minute), false},
		{unknown, time.Time{}, true},
		{absent, begin.Add(3 * time.Minute), true},
		{found, begin.Add(7 * time.Minute), true},
	} {
		now := begin.Add(time.Duration(i) * time.Minute)
		changed := s.take(answer{question: service("x"), Answer: step.answer}, now)
		got := s.asked[service("x")].answer
		if changed != step.changed || !got.Since.Equal(step.since) || got.Outcome != step.answer.Outcome {
			t.Errorf("step %d: changed %t, %+v; want %t, since %s", i, changed, got, step.changed, step.since)
		}
	}
}
