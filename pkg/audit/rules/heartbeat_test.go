package rules

import "testing"

func TestIsHeartbeat(t *testing.T) {
	for path, want := range map[string]bool{
		`.status.conditions[type="Ready"].lastHeartbeatTime`:             true,
		`.status.conditions[type="Ready"].lastTransitionTime`:            true,
		".status.lastUpdatedAt":                                          true,
		".spec.renewTime":                                                true,
		".status.observedResourceVersion":                                true,
		".status.nodes[name=\"a.b\"].lastSeen":                           true,
		".metadata.annotations.example.com/last-seen":                    true,
		".metadata.annotations.control-plane.alpha.kubernetes.io/leader": true,
		".status.phase":                                                  false,
		`.status.conditions[type="Ready"].status`:                        false,
		".spec.replicas":                                                 false,
		".status.lastly":                                                 false,
		".spec.format":                                                   false,
		`.status.conditions[type="lastHeartbeat"].message`:               false,
	} {
		if got := isHeartbeat(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
