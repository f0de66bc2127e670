package watch

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// TestSlimAndRetarget: an edit of the CRD does not bring whole objects back, and to ask
// twice for the same is to ask once.
func TestSlimAndRetarget(t *testing.T) {
	m := New(Options{})
	f := m.newMonitor(discovery.Resource{CRD: "widgets.example.com"}, Scope{}).feed
	if !f.slim(true) || f.slim(true) {
		t.Error("asked for metadata twice")
	}
	_, _, before := f.aim()
	f.retarget(target{scope: Scope{Namespace: "web"}})
	if !isClosed(before) {
		t.Error("the other target was not told")
	}
	if now, _, _ := f.aim(); !now.thin || now.scope.Namespace != "web" {
		t.Errorf("watches %+v", now)
	}
	_, _, before = f.aim()
	if !f.slim(false) || !isClosed(before) {
		t.Error("whole objects were not asked for")
	}
}

// TestRememberThin: how a process goes on that finds metadata.
func TestRememberThin(t *testing.T) {
	for name, test := range map[string]struct {
		thin, of          int
		budgeted, resumes bool
		wanted, later     bool
		has               shape
	}{
		"whole objects":                 {0, 9, true, true, false, false, whole},
		"nothing":                       {0, 0, true, true, false, false, whole},
		"all, counted":                  {9, 9, true, true, true, true, thin},
		"some, counted":                 {4, 9, true, true, true, true, mixed},
		"counted, and to be listed":     {9, 9, true, false, true, true, thin},
		"not counted":                   {9, 9, false, true, true, false, thin},
		"not counted, and to be listed": {9, 9, false, false, false, false, thin},
	} {
		t.Run(name, func(t *testing.T) {
			f := &feed{budgeted: test.budgeted, changed: make(chan struct{})}
			f.recalled(Checkpoint{})
			f.rememberThin(test.thin, test.of, test.resumes)
			if wanted, has := f.slimming(); wanted != test.wanted || has != test.has {
				t.Errorf("at first wanted %v, has %v", wanted, has)
			}
			f.caughtUp()
			if wanted, _ := f.slimming(); wanted != test.later {
				t.Errorf("later wanted %v", wanted)
			}
		})
	}
}

// TestReducedStatus: what is kept is told as long as it is so, and never hides what keeps
// a resource from being watched.
func TestReducedStatus(t *testing.T) {
	told := 0
	m := New(Options{MemoryBudget: 1 << 30, StateChanged: func(types.UID) { told++ }})
	mon := m.newMonitor(discovery.Resource{CRD: "widgets.example.com"}, Scope{})
	mon.setState(Synced, "", "")
	told = 0
	mon.degrade(900<<20, 1<<30, &load{bytes: 1 << 20, objects: 10})
	s := mon.snapshot()
	if s.State != Synced || s.Reason != MetadataOnly || !s.MetadataOnly || !strings.Contains(s.Message, "900 MiB of 1024 MiB") || told != 1 {
		t.Errorf("told %d times, %+v", told, s)
	}
	if l := mon.load(); !l.thin || !l.settling || l.size != 1<<20/10 {
		t.Errorf("%+v", l)
	}
	mon.setState(Broken, "UndecodableObject", "not decodable")
	if s := mon.snapshot(); s.Reason != "UndecodableObject" || !s.MetadataOnly {
		t.Errorf("%+v", s)
	}
	if mon.load().settling {
		t.Error("what cannot be watched is waited for")
	}
	mon.setState(Synced, "", "")
	mon.feed.reshape(thin)
	mon.restore()
	if s := mon.snapshot(); !s.MetadataOnly || s.Reason != MetadataOnly {
		t.Errorf("whole before it was listed: %+v", s)
	}
	mon.feed.listedThin(false)
	if s := mon.snapshot(); s.MetadataOnly || s.Reason != "" || s.Message != "" {
		t.Errorf("whole: %+v", s)
	}
}
