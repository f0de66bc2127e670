package watch

import "testing"

// stateHost is a host of which only the state is asked.
type stateHost struct {
	host
	current State
}

func (h *stateHost) setState(s State, _, _ string) { h.current = s }
func (h *stateHost) state() State                  { return h.current }

// TestProven: a watch that delivers makes a resource synced, unless the handler is still
// busy with what was listed.
func TestProven(t *testing.T) {
	for name, test := range map[string]struct {
		settling, resuming, synced bool
		before, want               State
	}{
		"all is handled":         {synced: true, before: Stale, want: Synced},
		"a list is handled":      {synced: true, settling: true, before: Syncing, want: Syncing},
		"missed events come":     {synced: true, resuming: true, before: Syncing, want: Syncing},
		"the list has not ended": {before: Syncing, want: Syncing},
	} {
		t.Run(name, func(t *testing.T) {
			h := &stateHost{current: test.before}
			f := &feed{host: h, resuming: test.resuming}
			f.settling.Store(test.settling)
			if f.proven(test.synced); h.current != test.want {
				t.Errorf("got %s, want %s", h.current, test.want)
			}
		})
	}
	h := &stateHost{current: Forbidden}
	f := &feed{host: h}
	f.settling.Store(true)
	if f.opened(true); h.current != Syncing {
		t.Errorf("allowed again while a list is handled: got %s, want %s", h.current, Syncing)
	}
}
