package live

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func ruleOf(id string) audit.Rule {
	all := rules.All()
	return all[slices.IndexFunc(all, func(r audit.Rule) bool { return r.ID == id })]
}

// notEvaluated returns what is not, in short.
func notEvaluated(a *Auditor) string {
	var lines []string
	for _, u := range a.Findings().NotEvaluated {
		plural, _, _ := strings.Cut(u.Resource, ".")
		lines = append(lines, strings.Join(strings.Fields(plural+" "+u.Rule+" "+u.Reason), " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// TestUnusedDependsOnSiblings: what is said of a CRD without objects follows what is known
// of its siblings, and is said to be under way while that is so.
func TestUnusedDependsOnSiblings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), ruleOf("CRD013"))
		defer stop()
		c.synced("widgets")
		gadgets := c.install("gadgets", 1)
		said := func(what, told, not string) {
			t.Helper()
			pass(time.Second)
			expect(t, what, told, h)
			if d := cmp.Diff(not, notEvaluated(a)); d != "" {
				t.Errorf("%s: not evaluated (-want +got):\n%s", what, d)
			}
		}
		said("while a sibling is counted", "", "gadgets Syncing; widgets CRD013 Evaluating")
		c.state(gadgets, watch.Broken)
		said("when it cannot be counted", "", "gadgets Because; widgets CRD013 Incomplete")
		c.state(gadgets, watch.Syncing)
		said("when it is tried again", "", "gadgets Syncing; widgets CRD013 Incomplete")
		c.state(gadgets, watch.Synced)
		both := func(state string) string {
			return state + " CRD013 low gadgets.example.com; " + state + " CRD013 low widgets.example.com"
		}
		said("when it is known to have none", both("open"), "")
		c.put(gadgets, object("a", nil))
		said("when it has one", both("resolved"), "")
		c.put(gadgets, object("b", nil))
		c.remove(gadgets, "web/a")
		said("when it has another", "", "")
		c.remove(gadgets, "web/b")
		said("when it has none any more", both("open"), "")
		c.state(gadgets, watch.Broken)
		said("when nothing is known of it any more", "", "gadgets Because; widgets CRD013 Incomplete")
		c.uninstall("gadgets")
		said("when it is gone", "resolved CRD013 low gadgets.example.com", "")
	})
}

// TestSiblingsAreNotEvaluatedAgainForNothing: a flood of CRDs has each evaluated when it
// is counted, and when all are; objects that come and go where others are, none.
func TestSiblingsAreNotEvaluatedAgainForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		evaluated := map[string]int{}
		rule := ruleOf("CRD013")
		check := rule.Check
		rule.Check = func(in *audit.Input) ([]audit.Finding, error) {
			evaluated[in.CRD.Name]++
			return check(in)
		}
		c, h := newCluster(t), newHistory(t)
		_, stop := run(t, c, h, newWorld(), rule)
		defer stop()
		plurals := []string{"as", "bs", "cs", "ds", "es", "fs"}
		for _, p := range plurals {
			c.install(p, 1)
		}
		for _, p := range plurals {
			c.state(types.UID("crd-"+p), watch.Synced)
			pass(time.Second)
		}
		if n := len(strings.Split(h.told(), ";")); n != len(plurals) {
			t.Errorf("%d of %d are unused", n, len(plurals))
		}
		for _, p := range plurals {
			if n := evaluated[p+".example.com"]; n < 1 || n > 3 {
				t.Errorf("%s was evaluated %d times", p, n)
			}
		}
		c.put("crd-as", object("a", nil))
		pass(time.Second)
		before := evaluated["cs.example.com"]
		c.put("crd-bs", object("a", nil))
		pass(time.Second)
		c.remove("crd-bs", "web/a")
		pass(time.Second)
		if n := evaluated["cs.example.com"] - before; n > 0 {
			t.Errorf("a sibling was evaluated %d times more, though others were in use before and after", n)
		}
	})
}

// slowly answers after a while.
type slowly struct {
	*world
	after time.Duration
}

func (s slowly) Answer(ctx context.Context, q audit.Question) audit.Answer {
	<-time.After(s.after)
	return s.world.Answer(ctx, q)
}

// TestNothingPassesForCleanUnevaluated: from the first moment on, a resource is said to be
// under way until all that is wrong with it is found, however long the cluster takes to
// answer.
func TestNothingPassesForCleanUnevaluated(t *testing.T) {
	about := func(id string, about audit.About) audit.Rule {
		q := audit.Question{Version: "v1", Resource: "services", Namespace: "web", Name: id}
		return audit.Rule{ID: id, Severity: audit.High, About: about, Ask: func(*audit.Input) []audit.Question { return []audit.Question{q} },
			Check: func(in *audit.Input) ([]audit.Finding, error) {
				if in.Answer(q).Outcome != audit.Absent {
					return nil, nil
				}
				return []audit.Finding{{Message: "it is missing"}}, nil
			}}
	}
	for name, rule := range map[string]audit.Rule{
		"of the CRD": about("CRD100", audit.AboutCRD), "of an object": about("CR100", audit.AboutObject),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h, w := newCluster(t), newHistory(t), newWorld()
				for _, q := range rule.Ask(nil) {
					w.set(q, audit.Answer{Outcome: audit.Absent})
				}
				crd := c.synced("widgets")
				c.put(crd, object("a", nil))
				a, stop := runWith(t, Options{Evaluator: audit.Evaluator{Rules: []audit.Rule{rule}}, Source: c,
					Answers: slowly{w, 7 * time.Second}, Record: h.record})
				defer stop()
				began := time.Now()
				for len(a.Findings().Open) == 0 {
					if got := notEvaluated(a); got != "widgets Evaluating" {
						t.Fatalf("after %s, not evaluated: %q", time.Since(began), got)
					}
					if time.Since(began) > 8*time.Second {
						t.Fatal("nothing is found")
					}
					pass(10 * time.Millisecond)
				}
				pass(time.Second)
				if got := notEvaluated(a); got != "" {
					t.Errorf("at last, not evaluated: %q", got)
				}
			})
		})
	}
}
