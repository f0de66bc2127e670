package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// TestDemo runs the whole demo, four times as fast as for people.
func TestDemo(t *testing.T) {
	const rate, seconds = 4, 40
	r := startDemo(t, "--duration", "40s", "--events-per-second", "4", "--", "-o", "jsonl")
	began := time.Now()
	t.Run("introduction", func(t *testing.T) { checkIntroduction(t, r) })
	if n := len(r.processes(t)); n < 4 {
		t.Errorf("found %d processes of the demo, want the control plane, crdwatch twice and the janitor:\n%s",
			n, strings.Join(r.processes(t), "\n"))
	}
	c := newCluster(t, r)

	for resource, reason := range broken {
		r.poll(t, 38*time.Second, resource+" to be broken", func() bool { return c.state(t, resource) == "Broken "+reason })
	}
	t.Run("inventory", func(t *testing.T) { c.checkInventory(t) })
	t.Run("audit", func(t *testing.T) { c.checkAudit(t) })
	r.poll(t, time.Until(began.Add((seconds-2)*time.Second)), "the end of the story", func() bool {
		return wasRemoved(c.events(t)) == nil
	})
	for name, seen := range situations {
		t.Run("endpoint: "+name, func(t *testing.T) { check(t, seen, c.events(t)) })
	}
	t.Run("objects", func(t *testing.T) { c.checkObjects(t) })
	seen := readEvents(t, r.stdout)
	t.Run("restart", func(t *testing.T) {
		var err error
		defer func() { t.Log(err) }()
		r.poll(t, 10*time.Second, "the history to hold what was seen", func() bool {
			err = survived(c.events(t), seen)
			return err == nil
		})
		back := regexp.MustCompile(`crdwatch serve is back: [1-9]\d* missed changes are in its history, 0 gaps`)
		if said := r.said(t); !back.MatchString(said) {
			t.Errorf("the demo does not say so:\n%s", said)
		}
	})
	pins := c.pins(t)
	r.checkUnread(t)

	if err := r.wait(t); err != nil {
		t.Errorf("the demo ended with %v\n%s", err, r.said(t))
	}
	if lasted := time.Since(began); lasted < (seconds-5)*time.Second {
		t.Errorf("the demo ended after %s, want %d s", lasted, seconds)
	}
	r.checkUnread(t)
	r.checkNothingLeft(t)
	if said := r.said(t); strings.Contains(said, "demo: ") {
		t.Errorf("something went wrong:\n%s", said)
	}

	events := readEvents(t, r.stdout)
	for name, seen := range situations {
		t.Run("watch: "+name, func(t *testing.T) { check(t, seen, events) })
	}
	if perSecond := float64(len(events)) / seconds / rate; perSecond < 0.6 || perSecond > 1.8 {
		t.Errorf("%.2f events per second at normal speed, want about one", perSecond)
	}
	checkSecret(t, r, pins)
}

func check(t *testing.T, seen func([]event) error, events []event) {
	t.Helper()
	if err := seen(events); err != nil {
		t.Errorf("%v, in %d events", err, len(events))
	}
}

func checkIntroduction(t *testing.T, r *running) {
	for line := range strings.Lines(r.said(t)) {
		// Paths are as long as they are.
		if n := utf8.RuneCountInString(strings.TrimSpace(line)); n > 78 && !strings.Contains(line, r.tmp) && !strings.Contains(line, crdwatch) {
			t.Errorf("%d characters do not fit into 80 columns: %s", n, line)
		}
	}
}

// TestEnds shows that nothing survives, however the demo ends.
func TestEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		signal syscall.Signal
		args   []string
		killed bool
	}{
		"Ctrl-C":          {signal: syscall.SIGINT},
		"SIGTERM":         {signal: syscall.SIGTERM, args: []string{"--no-watch"}},
		"closed terminal": {signal: syscall.SIGHUP},
		"SIGKILL":         {signal: syscall.SIGKILL, killed: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := startDemo(t, tc.args...)
			if err := r.cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			if err := r.wait(t); (err != nil) != tc.killed {
				t.Errorf("the demo ended with %v\n%s", err, r.said(t))
			}
			r.checkUnread(t)
			r.checkNothingLeft(t)
		})
	}
}

// TestWatchFails: what crdwatch watch does not like ends the demo, and says so.
func TestWatchFails(t *testing.T) {
	r := startDemo(t, "--", "no-such-type")
	if err := r.wait(t); err == nil {
		t.Error("the demo ended well")
	}
	if said := r.said(t); !strings.Contains(said, "demo: crdwatch watch ended") {
		t.Errorf("the demo does not say why it ended:\n%s", said)
	}
	r.checkNothingLeft(t)
}
