package live

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func expect(t *testing.T, what, want string, h *history) {
	t.Helper()
	if d := cmp.Diff(want, h.told()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

var high = map[string]any{"bad": "high"}

func TestAFindingComesAndGoesWithTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), bad(), many())
		defer stop()
		crd := c.synced("widgets")
		pass(time.Second)
		expect(t, "at first", "", h)
		c.put(crd, object("a", high))
		pass(time.Second)
		expect(t, "created", "open CR100 high web/a", h)
		if n := a.Counts()[audit.Class{Rule: "CR100", Severity: audit.High}]; n != 1 || len(a.Findings().Open) != 1 {
			t.Errorf("%d counted, %d open", n, len(a.Findings().Open))
		}
		c.put(crd, object("a", map[string]any{"bad": "low"}))
		pass(time.Second)
		expect(t, "another severity", "open CR100 low web/a was high", h)
		c.put(crd, object("a", nil))
		pass(time.Second)
		expect(t, "mended", "resolved CR100 low web/a", h)
		c.put(crd, object("a", high))
		c.put(crd, object("b", nil))
		pass(time.Second)
		expect(t, "two", "open CR100 high web/a; open CRD100 medium widgets.example.com", h)
		c.remove(crd, "web/a")
		pass(time.Second)
		expect(t, "deleted", "resolved CR100 high web/a; resolved CRD100 medium widgets.example.com", h)
		if n := len(a.Findings().Open); n != 0 || len(a.resources[crd].subjects) != 0 {
			t.Errorf("%d open", n)
		}
	})
}

func TestAFindingKeepsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		_, stop := run(t, c, h, newWorld(), bad())
		defer stop()
		crd := c.synced("widgets")
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		c.put(crd, object("a", map[string]any{"bad": "high", "due": in(15 * time.Minute), "until": in(time.Hour)}))
		pass(14*time.Minute + 59*time.Second)
		expect(t, "before it is due", "", h)
		pass(2 * time.Second)
		expect(t, "when it is due", "open CR100 high web/a", h)
		pass(44*time.Minute + 58*time.Second)
		expect(t, "before it ends", "", h)
		pass(2 * time.Second)
		expect(t, "when it ends", "resolved CR100 high web/a", h)
		// One that changes in time never was.
		c.put(crd, object("b", map[string]any{"bad": "high", "due": in(time.Minute)}))
		pass(30 * time.Second)
		c.put(crd, object("b", nil))
		pass(time.Hour)
		expect(t, "mended before it was due", "", h)
	})
}

func TestWhatIsThereIsFoundWhenItIsSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		crd := c.install("widgets", 1)
		for i := range 5 {
			c.put(crd, object(fmt.Sprint("o", i), high))
		}
		a, stop := run(t, c, h, newWorld(), bad(), many())
		defer stop()
		pass(time.Second)
		expect(t, "before", "", h)
		want := []audit.Unevaluated{{Resource: "widgets.example.com", Reason: "Syncing", Message: "its objects are being read"}}
		if d := cmp.Diff(want, a.Findings().NotEvaluated); d != "" {
			t.Error(d)
		}
		c.state(crd, watch.Synced)
		pass(time.Second)
		expect(t, "after", "open CR100 high web/o0; open CR100 high web/o1; open CR100 high web/o2; open CR100 high web/o3; "+
			"open CR100 high web/o4; open CRD100 medium widgets.example.com", h)
		if n := a.Findings().NotEvaluated; len(n) != 0 {
			t.Errorf("not evaluated: %v", n)
		}
		if n := a.resources[crd].counting.census.Findings["CR100"].Objects; n != 5 {
			t.Errorf("the census has %d objects with findings", n)
		}
		// A deletion of the CRD ends all.
		c.uninstall("widgets")
		pass(time.Second)
		expect(t, "uninstalled", "resolved CR100 high web/o0; resolved CR100 high web/o1; resolved CR100 high web/o2; resolved CR100 high web/o3; "+
			"resolved CR100 high web/o4; resolved CRD100 medium widgets.example.com", h)
	})
}

func TestARestartTellsOnlyWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		crd, gadgets := c.synced("widgets"), c.synced("gadgets")
		for _, name := range []string{"stays", "is mended", "is deleted", "worsens"} {
			c.put(crd, object(name, high))
		}
		c.put(gadgets, object("g", high))
		_, stop := run(t, c, h, newWorld(), bad(), many())
		pass(time.Second)
		h.told()
		stop()

		c.put(crd, object("is mended", nil))
		c.remove(crd, "web/is deleted")
		c.put(crd, object("worsens", map[string]any{"bad": "critical"}))
		c.put(crd, object("new", high))
		c.uninstall("gadgets")
		c.state(crd, watch.Syncing)
		a, stop := run(t, c, h, newWorld(), bad(), many())
		pass(time.Minute)
		expect(t, "before it is synced", "resolved CR100 high web/g", h)
		if n := len(a.Findings().Open); n != 5 {
			t.Errorf("%d findings are open before it is synced", n)
		}
		c.state(crd, watch.Synced)
		pass(time.Second)
		expect(t, "after", "open CR100 critical web/worsens was high; open CR100 high web/new; "+
			"resolved CR100 high web/is deleted; resolved CR100 high web/is mended", h)
		stop()
		_, stop = run(t, c, h, newWorld(), bad(), many())
		defer stop()
		pass(time.Minute)
		expect(t, "after another start", "", h)
	})
}

// TestWhatIsFoundInANamespaceStays: it is the CRD that has it, and no object.
func TestWhatIsFoundInANamespaceStays(t *testing.T) {
	blocked := audit.Rule{ID: "CRD103", Severity: audit.High, About: audit.AboutCRD, Check: func(in *audit.Input) ([]audit.Finding, error) {
		if in.Census == nil || in.Census.Objects == 0 {
			return nil, nil
		}
		return []audit.Finding{{Message: "it is blocked", Subject: audit.Subject{Group: "example.com", Resource: "widgets", Namespace: "web"}}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		crd := c.synced("widgets")
		c.put(crd, object("a", nil))
		_, stop := run(t, c, h, newWorld(), blocked)
		pass(time.Second)
		expect(t, "at first", "open CRD103 high web", h)
		stop()
		_, stop = run(t, c, h, newWorld(), blocked)
		defer stop()
		pass(time.Minute)
		expect(t, "after a restart", "", h)
		c.remove(crd, "web/a")
		pass(time.Second)
		expect(t, "when it is over", "resolved CRD103 high web", h)
	})
}

// TestWhatHistoryFoundStays: a process that starts cannot compare with what it never saw.
func TestWhatHistoryFoundStays(t *testing.T) {
	revised := audit.Rule{ID: "CRD101", Severity: audit.High, About: audit.AboutCRD, Check: func(in *audit.Input) ([]audit.Finding, error) {
		if in.Earlier == nil || in.CRD.Generation == 3 {
			return nil, nil
		}
		return []audit.Finding{{Message: "it is another"}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		c.synced("widgets")
		_, stop := run(t, c, h, newWorld(), revised)
		pass(time.Second)
		c.install("widgets", 2)
		pass(time.Second)
		expect(t, "edited", "open CRD101 high widgets.example.com", h)
		stop()
		_, stop = run(t, c, h, newWorld(), revised)
		defer stop()
		pass(time.Minute)
		expect(t, "after a restart", "", h)
		c.install("widgets", 3)
		pass(time.Second)
		expect(t, "edited again", "resolved CRD101 high widgets.example.com", h)
	})
}

func TestWhoCannotTellResolvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), bad(), many())
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", high))
		c.put(crd, object("b", nil))
		pass(time.Second)
		h.told()
		c.put(crd, object("a", map[string]any{"unknown": true}))
		pass(time.Second)
		expect(t, "the rule cannot tell", "", h)
		want := []audit.Unevaluated{{Resource: "widgets.example.com", Rule: "CR100", Reason: audit.RuleIncomplete, Message: "it cannot be told"}}
		if d := cmp.Diff(want, a.Findings().NotEvaluated); d != "" {
			t.Error(d)
		}
		c.state(crd, watch.Broken)
		pass(time.Second)
		expect(t, "the objects cannot be read", "", h)
		if n := len(a.Findings().NotEvaluated); n != 2 {
			t.Errorf("%d not evaluated", n)
		}
		c.state(crd, watch.Synced)
		c.put(crd, object("a", nil))
		c.remove(crd, "web/b")
		pass(time.Second)
		expect(t, "it can again", "resolved CR100 high web/a; resolved CRD100 medium widgets.example.com", h)
	})
}

func TestAnEditedCRDHasAllObjectsLookedAtAgain(t *testing.T) {
	old := audit.Rule{ID: "CR101", Severity: audit.Low, About: audit.AboutObject, Check: func(in *audit.Input) ([]audit.Finding, error) {
		if in.CRD.Generation < 2 {
			return nil, nil
		}
		return []audit.Finding{{Message: "the CRD is another", Path: ".spec"}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		_, stop := run(t, c, h, newWorld(), old)
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", nil))
		pass(time.Second)
		expect(t, "before", "", h)
		c.install("widgets", 2)
		pass(time.Second)
		expect(t, "after", "open CR101 low web/a", h)
	})
}

// TestTheBackgroundYields: objects that change do not wait for those that are looked at
// for the first time, which have their share of the time and no more.
func TestTheBackgroundYields(t *testing.T) {
	const objects = 3000
	slow := bad()
	check := slow.Check
	slow.Check = func(in *audit.Input) ([]audit.Finding, error) {
		<-time.After(time.Millisecond)
		return check(in)
	}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		crd, gadgets := c.synced("widgets"), c.synced("gadgets")
		for i := range objects {
			c.put(crd, object(fmt.Sprint("o", i), nil))
		}
		a, stop := runWith(t, Options{Evaluator: audit.Evaluator{Rules: []audit.Rule{slow}}, Source: c, Answers: newWorld(),
			Record: h.record, Share: 0.25})
		defer stop()
		began := time.Now()
		var longest time.Duration
		for i := 0; a.evaluating(); i++ {
			c.put(gadgets, object("a", map[string]any{"bad": []string{"high", "low"}[i%2]}))
			at := time.Now()
			for h.told() == "" {
				pass(time.Millisecond)
			}
			longest = max(longest, time.Since(at))
			pass(100 * time.Millisecond)
		}
		// Three seconds of work with a quarter of the time.
		if took := time.Since(began); took < 11*time.Second || took > 14*time.Second {
			t.Errorf("%d objects took %s", objects, took)
		}
		if longest > 50*time.Millisecond {
			t.Errorf("a change waited for %s", longest)
		}
	})
}

// evaluating reports whether not all of a resource was looked at.
func (a *Auditor) evaluating() bool {
	for _, u := range a.Findings().NotEvaluated {
		if u.Reason == audit.Evaluating && u.Resource == "widgets.example.com" {
			return true
		}
	}
	return false
}

// TestTooManyChanges: what cannot be put aside is found by looking at everything.
func TestTooManyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), bad(), many())
		defer stop()
		crd := c.synced("widgets")
		pass(time.Second)
		var all []watch.Entry
		for i := range maxItems + 10 {
			all = append(all, c.hold(crd, object(fmt.Sprintf("o%05d", i), nil))...)
		}
		all = append(all, c.hold(crd, object("z", high))...)
		a.Take(all)
		pass(time.Minute)
		expect(t, "after", "open CR100 high web/z; open CRD100 medium widgets.example.com", h)
		if n := a.resources[crd].counting.census.Objects; n != maxItems+11 {
			t.Errorf("the census has %d objects", n)
		}
	})
}

func TestUpdatesAreRememberedForAWhile(t *testing.T) {
	busy := audit.Rule{ID: "CR102", Severity: audit.High, Live: true, About: audit.AboutObject, Check: func(in *audit.Input) ([]audit.Finding, error) {
		if len(in.Updates) < 3 {
			return nil, nil
		}
		return []audit.Finding{{Message: "busy", Until: in.Updates[len(in.Updates)-1].Time.Add(5 * time.Minute)}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), busy)
		crd := c.synced("widgets")
		pass(time.Second)
		update := func() {
			c.put(crd, object("a", nil), watch.Event{Type: watch.Modified, Time: time.Now()})
		}
		for range 3 {
			update()
			pass(time.Minute)
		}
		expect(t, "three updates", "open CR102 high web/a", h)
		stop()
		_, stop2 := run(t, c, h, newWorld(), busy)
		pass(time.Second)
		expect(t, "after a restart", "", h)
		pass(5 * time.Minute)
		expect(t, "later", "resolved CR102 high web/a", h)
		stop2()
		for range 2 * maxUpdates {
			a.updates.add(job{crd, "b"}, []audit.Update{{}}, time.Now())
		}
		if n := len(a.updates.of(job{crd, "b"})); n != maxUpdates {
			t.Errorf("%d updates of an object", n)
		}
		for i := range 2 * maxUpdated {
			a.updates.add(job{crd, fmt.Sprint(i)}, []audit.Update{{}}, time.Now())
		}
		if n := len(a.updates.byJob); n > maxUpdated {
			t.Errorf("the updates of %d objects", n)
		}
		pass(updatesFor)
		a.updates.expire(time.Now())
		if n := len(a.updates.byJob); n != 0 {
			t.Errorf("the updates of %d idle objects", n)
		}
	})
}

func TestExemptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		over := audit.Finding{Rule: "META001", Severity: audit.Medium, Fingerprint: audit.Fingerprint("META001", audit.Subject{}, "entry"), Due: time.Now().Add(time.Hour)}
		o := Options{Source: c, Answers: newWorld(), Record: h.record, Before: audit.Verdict{Findings: []audit.Finding{over}}}
		_, stop := runWith(t, o)
		pass(59 * time.Minute)
		expect(t, "before", "", h)
		pass(2 * time.Minute)
		expect(t, "after", "open META001 medium ", h)
		stop()
		o.Open = h.events()
		_, stop = runWith(t, o)
		pass(time.Minute)
		expect(t, "after a restart", "", h)
		stop()
		o.Open, o.Before = h.events(), audit.Verdict{}
		_, stop = runWith(t, o)
		defer stop()
		pass(time.Minute)
		expect(t, "renewed", "resolved META001 medium ", h)
	})
}
