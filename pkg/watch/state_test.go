package watch

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// TestFailuresInARow: they are counted as long as they are of one kind, and told of until
// there are enough of them to be believed.
func TestFailuresInARow(t *testing.T) {
	type seen struct {
		failures int
		told     bool
	}
	told := false
	m := &monitor{
		opts: &Options{StateChanged: func(types.UID) { told = true }}, log: slog.New(slog.DiscardHandler),
		settle: func(bool) {}, current: Pending, feed: &feed{},
	}
	for i, step := range []struct {
		state           State
		reason, message string
		want            seen
	}{
		{Syncing, "", "", seen{0, true}},
		{Broken, "UndecodableObject", "a", seen{1, true}},
		{Broken, "UndecodableObject", "a", seen{2, true}},
		{Broken, "UndecodableObject", "b", seen{3, true}},
		{Broken, "UndecodableObject", "b", seen{4, false}},
		{Broken, "UndecodableObject", "c", seen{5, true}},
		{Broken, "ConversionWebhookFailed", "c", seen{1, true}},
		{Broken, "ConversionWebhookFailed", "c", seen{2, true}},
		{Stale, "Unreachable", "d", seen{1, true}},
		{Synced, "", "", seen{0, true}},
		{Synced, "", "", seen{0, false}},
		{Forbidden, "Forbidden", "e", seen{1, true}},
		{NotServed, "NotFound", "f", seen{1, true}},
	} {
		told = false
		m.setState(step.state, step.reason, step.message)
		if d := cmp.Diff(step.want, seen{m.snapshot().Failures, told}, cmp.AllowUnexported(seen{})); d != "" {
			t.Errorf("step %d, %s %s: -want +got:\n%s", i, step.state, step.reason, d)
		}
	}
}
