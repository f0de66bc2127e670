// Package rules has the audit rules, one file each, and their pages in docs.
//
// A rule is added by a file NAME.go with a function that returns its value, a page
// docs/ID.md, fixtures under testdata/ID, and a line in All. A test holds all of that
// together. What a rule may know and how it speaks of time is told by package audit.
//
// The numbers by which a rule decides are Thresholds, which users may set: never plain
// constants. Another test wants a fixture that each of them makes a difference to.
package rules

import (
	"embed"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// docs has the page of each rule: docs/ID.md.
//
//go:embed docs/*.md
var docs embed.FS

// All returns all rules in the order of their IDs.
func All() []audit.Rule {
	return []audit.Rule{
		silentFieldLoss(),
		removedVersionInManagedFields(),
		storedObjectInvalid(),
		stuckDeleting(),
		badOwnerReference(),
		reconcileFailing(),
		hotLoopOrFight(),
		plaintextSecret(),
		pausedTooLong(),
		danglingTypedRef(),
		largeObject(),
		annotationsNearLimit(),
		managedFieldsBloat(),
		conditionConventions(),
		zombieFinalizer(),
		embeddedRemovedAPI(),

		conversionWebhookDown(),
		unlistableResource(),
		crdUnhealthy(),
		staleStoredVersions(),
		lossyNoneConversion(),
		breakingRevision(),
		deprecatedVersionWritten(),
		caBundle(),
		namespaceBlocked(),
		noLiveController(),
		growth(),
		unusedCRD(),
		noStatusSubresource(),
		migrationStuck(),
		recreateRejected(),
		nameCollision(),
		preserveUnknown(),
		costlyCEL(),
		hygiene(),

		expiredIgnore(),
	}
}

// doc returns the page of a rule. A test sees to it that there is one.
func doc(id string) string {
	text, err := docs.ReadFile("docs/" + id + ".md")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text)) + "\n"
}
