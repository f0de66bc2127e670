package audit

import "strings"

// Rule is one check. It is a value without state: a Check may be called concurrently.
type Rule struct {
	// ID is stable for ever, Name says the same in words: kebab-case.
	ID, Name string
	// Severity is the usual one.
	Severity Severity
	// Doc is the rule's page in Markdown: a heading "# ID name", one sentence, then
	// the sections "## Why it hurts", "## How it is detected", "## How to fix",
	// "## How to ignore".
	Doc string
	// Remediation is what to do in one sentence.
	Remediation string
	// About is what the rule is called for.
	About About
	// Thresholds are the numbers that the rule goes by and a configuration may set.
	Thresholds []Adjustable
	// Live: the rule needs to have watched for a while, so that reading a cluster once
	// cannot answer it.
	Live bool
	// Ask returns what must be known of the cluster to check the input. Nil: nothing.
	Ask func(*Input) []Question
	// Check returns what is wrong. Its error says why it cannot tell, or cannot tell
	// everything: the findings that come with it still hold.
	Check func(*Input) ([]Finding, error)
}

// Summary is the first paragraph of the rule's page, on one line.
func (r *Rule) Summary() string {
	_, text, _ := strings.Cut(r.Doc, "\n\n")
	first, _, _ := strings.Cut(text, "\n\n")
	return strings.Join(strings.Fields(first), " ")
}

// About says what a rule is called for.
type About int

// What rules are called for.
const (
	// AboutCRD: once for each CRD, with the census of its objects.
	AboutCRD About = iota + 1
	// AboutObject: once for each object.
	AboutObject
	// AboutExemption: never called; the findings come from the suppression itself.
	AboutExemption
)
