// Package sample makes valid objects for types of which nothing is known but
// their OpenAPI schema, as custom resources are.
//
// It owns the guess and its correction: a Filler proposes a value that has nearly
// every field of the schema, the API server is asked what it thinks of it (a dry
// run), and the causes in its answer say what to change. That is repeated until the
// server agrees. What a schema says in words that only the server understands (CEL
// rules, the webhooks' parts left aside) is so satisfied without understanding it.
//
// It refuses to know any particular type: what cannot be guessed is given as a Hint
// by the caller.
//
// # Paths
//
// A path names a field in all objects alike: spec.rules[].name, with [] for any
// item of a list and any entry of a map. All items of a list obey the same
// decisions, but for the keys and values by which they must differ.
package sample
