package rules

import "github.com/crdwatch/crdwatch/pkg/audit"

// expiredIgnore has no Check: audit.Exemptions makes its findings.
func expiredIgnore() audit.Rule {
	return audit.Rule{
		ID: "META001", Name: "expired-ignore", Severity: audit.Medium, About: audit.AboutExemption, Doc: doc("META001"),
		Remediation: "Set a new date if the exemption is still wanted; otherwise remove it.",
	}
}
