package audit

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Organisation returns the part of a domain that one organisation registered:
// strimzi.io of kafka.strimzi.io. The Kubernetes project gives names below its domains
// to many projects, so that there a label more counts. What is no domain is returned as
// it is.
func Organisation(domain string) string {
	registered, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	switch registered {
	case "k8s.io", "x-k8s.io", "kubernetes.io":
		return withLabels(domain, strings.Count(registered, ".")+2)
	}
	return registered
}

// withLabels returns the last n labels of a domain.
func withLabels(domain string, n int) string {
	labels := strings.Split(domain, ".")
	return strings.Join(labels[max(0, len(labels)-n):], ".")
}
