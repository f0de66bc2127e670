// Package audit turns what is known of CRDs and their objects into findings.
//
// It owns the Finding, the Rule and what a rule is given, the evaluation of rules,
// and what of their findings is passed over: suppression and baseline. The rules
// themselves stand in package rules, one file each; what reads a cluster once is in
// package scan, what follows one in package live.
//
// It refuses to do I/O. A rule is a value whose Check is a pure function of its
// Input: the CRD, an earlier revision of it, one object or the census of all, what
// the API server answered, and the time. What else of the cluster a rule must know it
// asks for first (Ask), and finds among the answers. What could not be found out is
// said with an error, and never taken for the absence of a defect.
//
// # One finding's way through the package
//
// An object was deleted an hour ago and still has a finalizer. The rule CR004 is
// given the object and returns
//
//	Finding{Path: ".metadata.finalizers", Since: deleted, Due: deleted.Add(15 * time.Minute),
//		Message: `deleting for over 15 minutes; waiting for finalizer "db.example.com" …`}
//
// The Evaluator adds what the rule need not repeat: ID, name, severity, subject,
// fingerprint. It passes over what an annotation or the configuration exempts, and
// counts it. A Report groups findings that are alike. Due lies in the past here, so
// the finding is open; had the object been deleted a minute ago it would be pending,
// and open by itself later: no object is looked at again because time passes.
//
// # Time
//
// Rules do not compare deadlines with the clock: they say from when (Due) and until
// when (Until) a finding holds if nothing changes.
//
// # Secrets
//
// Objects are redacted (diff.Schema.Redact) before a rule sees them, so no message
// can hold a value that a history would not. Rules treat a redacted value as a string
// of which nothing is known.
package audit
