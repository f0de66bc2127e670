package rules

import (
	"testing"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestIsRandom: keys as tools make them, and what merely looks a little like them.
func TestIsRandom(t *testing.T) {
	for want, values := range map[bool][]string{
		true: {
			"q7Xw2LpZ9vRt4KmB8sYc1HnE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ4aB1cD2e", "3q2+7wAAB3NzaC1yc2EAAAADAQABAAABgQC9x0+/",
			"Zm9v8xK2_pQ-7LmN3vB5cX1z", "dGhZ8s7K1mQ4pX9vL2cR6nB0yW3tE5uA",
		},
		false: {
			"", "q7Xw2LpZ9", // too short
			"AmazonEKSClusterPolicyV20230101Admin", "WorkloadIdentityFederation2ForClusters", "MyVeryLongResourceName2024Production",
			"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "2f3a4b5c-6d7e-8f90-a1b2-c3d4e5f60718", // a digest, a UUID
			"arn:aws:iam::123456789012:role/AbCdEfGhIj", "https://Example.com/AbC1dEf2", "AAAAAAAAAAAAAAAAAAAAAAAAaa1",
			"my-secret-with-a-name-2024", "THE_NAME_OF_A_VARIABLE_42",
		},
	} {
		for _, v := range values {
			if got := isRandom(&audit.Input{}, v); got != want {
				t.Errorf("%s: %t, entropy %.2f, turns %.2f", v, got, entropy(v), turns(v))
			}
		}
	}
}

func TestHasPasswordInURL(t *testing.T) {
	for want, values := range map[bool][]string{
		true: {
			"postgres://app:hunter2@db/app", "see amqp://u:p%40ss@host:5672/ for more", "redis://:hunter2@cache:6379/0",
			"https://user:$(X)@a.example.com, then https://user:hunter2@b.example.com", "mongodb+srv://app:hunter2@[::1]/x",
		},
		false: {
			"", "https://example.com/a:b@c", "https://example.com:8443/x", "ssh://git@github.com/x/y", "mailto:a@b",
			"postgres://app:$(DB_PASSWORD)@db/app", "postgres://app:${DB_PASSWORD}@db/app", "postgres://app:{{ .pw }}@db/app",
			"postgres://app:%s@db/app", "https://user:password@example.com", "https://user:****@example.com", "https://user:<pw>@example.com",
			"http://a.example.com:8080,http://b@c", `{"a":"http://x","b":"y@z"}`,
		},
	} {
		for _, v := range values {
			if got := hasPasswordInURL(v); got != want {
				t.Errorf("%s: %t", v, got)
			}
		}
	}
}
