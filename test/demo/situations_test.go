package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// event is what these tests read of an event, as the interface has it.
type event struct {
	ID, Type string
	Origin   string
	Resource struct{ Group, Resource string }
	Name     string
	Managers []string
	Changes  []change
}

type change struct {
	Path, Op, Manager, Subresource string
	Old, New                       any
}

func (e *event) of(resource, name string) bool {
	return e.Resource.Resource == resource && e.Name == name
}

// situations are what the demo plants. Each says what of it was not to be seen.
var situations = map[string]func([]event) error{
	"a status that progresses":        progressed,
	"a fight over a field":            fought,
	"an object stuck on a finalizer":  stuck,
	"a deprecated version written":    deprecatedWritten,
	"a password that is redacted":     redacted,
	"an upgrade to a dead webhook":    upgraded,
	"a CRD installed later":           wasInstalled,
	"a CRD removed while one looks":   wasRemoved,
	"objects that come and go":        cameAndWent,
	"a set that gains and loses some": membersChanged,
}

// survived compares what the server tells with what a terminal saw that was there all
// the time. The types that break soon after they are installed are left out: once they
// are broken, nobody who comes after that is told what they hold.
func survived(told, seen []event) error {
	brief := map[string]bool{}
	for _, d := range late() {
		brief[d.Object] = true
	}
	known, resumed := map[string]bool{}, 0
	for _, e := range told {
		if known[e.ID] {
			return fmt.Errorf("%s is told twice", e.ID)
		}
		known[e.ID] = true
		switch {
		case e.Type == "GAP" && e.Resource.Resource != "queues": // which are broken by then
			return fmt.Errorf("there is a gap: %s", e.ID)
		case e.Origin == "resumed":
			resumed++
		}
	}
	for _, e := range seen {
		if !known[e.ID] && !brief[e.Resource.Resource+"."+e.Resource.Group] {
			return fmt.Errorf("%s %s of %s is not told", e.Type, e.ID, e.Name)
		}
	}
	if resumed == 0 {
		return errors.New("nothing happened while the server was away")
	}
	return nil
}

// changes of one path of one object, in order.
func changes(events []event, resource, name, path string) []change {
	var found []change
	for _, e := range events {
		for _, c := range e.Changes {
			if e.of(resource, name) && c.Path == path {
				found = append(found, c)
			}
		}
	}
	return found
}

func progressed(events []event) error {
	var phases []any
	for _, c := range changes(events, "databases", "catalog", ".status.phase") {
		phases = append(phases, c.New)
		if c.Manager != databaseController || c.Subresource != "status" {
			return fmt.Errorf("the phase was written by %q (%s)", c.Manager, c.Subresource)
		}
	}
	if want := []any{"Provisioning", "Configuring", "Ready"}; !slices.Equal(phases, want) {
		return fmt.Errorf("the phases are %v, want %v", phases, want)
	}
	seen := changes(events, "databases", "orders", ".status.observedGeneration")
	ready := changes(events, "databases", "catalog", `.status.conditions[type="Ready"].status`)
	if len(seen) < 2 || len(ready) < 2 || ready[len(ready)-1].New != "True" {
		return fmt.Errorf("observedGeneration changed %v, the condition %v", seen, ready)
	}
	return nil
}

func fought(events []event) error {
	rounds := changes(events, "websites", "storefront", ".spec.replicas")
	if len(rounds) < 4 {
		return fmt.Errorf("%d changes of replicas, want at least 4", len(rounds))
	}
	for i, c := range rounds[1:] {
		if before := rounds[i]; c.Manager == before.Manager || c.Old != before.New || c.New != before.Old {
			return fmt.Errorf("%v does not undo %v", c, before)
		}
	}
	return nil
}

func stuck(events []event) error {
	if len(changes(events, "backups", "nightly", ".metadata.deletionTimestamp")) != 1 {
		return errors.New("no deletionTimestamp was set")
	}
	if slices.ContainsFunc(events, func(e event) bool { return e.of("backups", "nightly") && e.Type == "DELETED" }) {
		return errors.New("it was deleted")
	}
	return nil
}

func deprecatedWritten(events []event) error {
	writes := changes(events, "caches", "sessions", ".spec.memoryMB")
	if len(writes) < 2 || slices.ContainsFunc(writes, func(c change) bool { return c.Manager != legacyCachectl }) {
		return fmt.Errorf("the writes are %v", writes)
	}
	return nil
}

func redacted(events []event) error {
	pins := changes(events, "accounts", "checkout", ".spec.pin")
	if len(pins) < 2 {
		return fmt.Errorf("%d changes of the pin, want at least 2", len(pins))
	}
	for _, c := range pins {
		if !strings.HasPrefix(fmt.Sprint(c.Old), "<redacted sha256:") || !strings.HasPrefix(fmt.Sprint(c.New), "<redacted sha256:") {
			return fmt.Errorf("not redacted: %v", c)
		}
	}
	return nil
}

const crds = "customresourcedefinitions"

func upgraded(events []event) error {
	for _, c := range changes(events, crds, "queues.demo.crdwatch.io", ".spec.conversion.strategy") {
		if c.New == "Webhook" && c.Manager == platformTeam {
			return nil
		}
	}
	return errors.New("no conversion webhook came")
}

func wasInstalled(events []event) error {
	return inOrder(events,
		func(e event) bool { return e.of(crds, "dashboards.demo.crdwatch.io") && e.Type == "ADDED" },
		func(e event) bool { return e.of("dashboards", "storefront") && e.Type == "ADDED" },
		func(e event) bool { return e.of("dashboards", "storefront") && e.Type == "MODIFIED" })
}

func wasRemoved(events []event) error {
	for _, name := range []string{"blue-button", "free-shipping"} {
		err := inOrder(events, func(e event) bool { return e.of("experiments", name) && e.Type == "DELETED" })
		if err != nil {
			return err
		}
	}
	return inOrder(events, func(e event) bool { return e.of(crds, "experiments.demo.crdwatch.io") && e.Type == "DELETED" })
}

func cameAndWent(events []event) error {
	first := preview(0).name
	return inOrder(events,
		func(e event) bool {
			return e.of("databases", first) && e.Type == "ADDED" && slices.Equal(e.Managers, []string{ciPipeline})
		},
		func(e event) bool { return e.of("databases", first) && e.Type == "MODIFIED" },
		func(e event) bool { return e.of("databases", first) && e.Type == "DELETED" })
}

func membersChanged(events []event) error {
	members := changes(events, "tenants", "acme", `.spec.members["barbara"]`)
	if len(members) < 2 || members[0].Op != "add" || members[1].Op != "remove" {
		return fmt.Errorf("the members changed %v", members)
	}
	return nil
}

// inOrder wants an event for each step, one after the other.
func inOrder(events []event, steps ...func(event) bool) error {
	for i, step := range steps {
		at := slices.IndexFunc(events, step)
		if at < 0 {
			return fmt.Errorf("step %d of %d is missing", i+1, len(steps))
		}
		events = events[at+1:]
	}
	return nil
}

func readEvents(t *testing.T, path string) []event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return decodeEvents(t, f)
}

// decodeEvents reads one event a line: anything else on stdout is an error.
func decodeEvents(t *testing.T, r io.Reader) []event {
	t.Helper()
	var events []event
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}
