package audit

import "testing"

func TestOrganisation(t *testing.T) {
	for domain, want := range map[string]string{
		"kafka.strimzi.io":                  "strimzi.io",
		"strimzi.io":                        "strimzi.io",
		"s3.aws.upbound.io":                 "upbound.io",
		"widgets.example.co.uk":             "example.co.uk",
		"alice.github.io":                   "alice.github.io",
		"gateway.networking.k8s.io":         "networking.k8s.io",
		"snapshot.storage.k8s.io":           "storage.k8s.io",
		"infrastructure.cluster.x-k8s.io":   "cluster.x-k8s.io",
		"kueue.x-k8s.io":                    "kueue.x-k8s.io",
		"resources-finalizer.argoproj.io":   "argoproj.io",
		"apps":                              "apps",
		"io":                                "io",
		"policy.networking.internal":        "networking.internal",
		"a.very.deep.name.cert-manager.dev": "cert-manager.dev",
	} {
		if got := Organisation(domain); got != want {
			t.Errorf("Organisation(%q) = %q, want %q", domain, got, want)
		}
	}
}
