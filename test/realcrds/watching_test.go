package realcrds

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// watching is a Manager that runs.
type watching struct {
	manager *watch.Manager
	sink    *sink

	mu         sync.Mutex
	complaints []string
}

func startWatching(t *testing.T) *watching {
	t.Helper()
	w := &watching{sink: &sink{events: map[types.UID][]watch.Event{}}}
	config := cp.Config()
	config.WarningHandler = rest.NoWarnings{}
	clients, err := watch.NewClients(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.manager = watch.New(watch.Options{
		Clients: clients, Sink: w.sink, Initial: true,
		// A busy API server takes its time until it serves what it has established.
		Timing: watch.Timing{RetryMax: retryMax},
		Logger: slog.New(complaints{mu: &w.mu, list: &w.complaints}),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.manager.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("running the manager: %v", err)
		}
	})
	return w
}

// awaitSynced waits until every CRD is watched, and checks what of it is.
func (w *watching) awaitSynced(t *testing.T, crds []crd) {
	t.Helper()
	var missing []string
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, deadline, true, func(context.Context) (bool, error) {
		missing = missing[:0]
		states := map[string]watch.Status{}
		for _, s := range w.manager.Statuses() {
			states[s.Resource.CRD] = s
		}
		for _, c := range crds {
			if s := states[c.name]; s.State != watch.Synced {
				missing = append(missing, fmt.Sprintf("%s %s %s %s", c.name, s.State, s.Reason, s.Message))
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		t.Fatalf("%d CRDs are not synced: %s", len(missing), strings.Join(missing, "\n"))
	}
	want, got := map[string]schema.GroupVersionResource{}, map[string]schema.GroupVersionResource{}
	for _, c := range crds {
		want[c.name] = c.gvr
	}
	for _, s := range w.manager.Statuses() {
		got[s.Resource.CRD] = s.Resource.GVR
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("what is watched (-want +got):\n%s", d)
	}
}

// checkEvents waits for the events of all objects, and compares them with the writes.
func (w *watching) checkEvents(t *testing.T, lives []*life) {
	t.Helper()
	lived := slices.DeleteFunc(slices.Clone(lives), func(l *life) bool { return len(l.writes) == 0 })
	_ = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, deadline, true, func(context.Context) (bool, error) {
		for _, l := range lived {
			if len(w.sink.of(l.writes[0].after.GetUID())) < len(l.writes) {
				return false, nil
			}
		}
		return true, nil
	}) // what is missing is told below
	h := &hidden{names: map[string]int{}}
	lacking := map[string]error{}
	known := map[types.UID]bool{}
	for _, l := range lived {
		x := expectation{t: t, life: l, hidden: h, untracked: lacking}
		x.check(w.sink.of(x.uid()))
		known[x.uid()] = true
	}
	w.sink.checkOthers(t, known)
	checkListed(t, "untracked", untracked, lacking)
	for _, name := range slices.Sorted(maps.Keys(h.names)) {
		if !secretive.MatchString(name) {
			t.Errorf("the value of %s is hidden (%d times), which is no secret", name, h.names[name])
		}
	}
	t.Logf("hidden values: %v", h.names)
}

// checkComplaints fails for every warning of the Manager: among them that a schema
// was not used.
func (w *watching) checkComplaints(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	late := 0
	for _, c := range w.complaints {
		if strings.Contains(c, "to=NotServed reason=NotFound") {
			late++ // see awaitSynced
			continue
		}
		t.Errorf("the manager complains: %s", c)
	}
	t.Logf("%d CRDs were not served at once", late)
}
