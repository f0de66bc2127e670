package rules

import "github.com/crdwatch/crdwatch/pkg/audit"

// organisation returns the part of a domain that one organisation registered.
func organisation(domain string) string {
	return audit.Organisation(domain)
}
