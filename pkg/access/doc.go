// Package access finds out who calls the report endpoint, and what they may read.
//
// It decides nothing itself, it asks the API server: a TokenReview says whose a bearer
// token is, a SubjectAccessReview whether somebody may do something. It owns the short
// memory of those answers. It refuses to know what is read through it, and to let
// anybody in while the API server cannot answer.
//
// # One request's way through the package
//
//	Gate.Admit(r)          a client certificate that the TLS server has verified, or a
//	                       bearer token, which TokenReview is asked about: a Caller
//	Caller.MayRead(…)      for each resource, namespace and name that is to be shown:
//	                       first whether it may be read everywhere, then in the
//	                       namespace, then by its name
//	Gate.decide(…)         what was answered less than Remembered ago is not asked
//	                       again, and what is being asked is not asked twice
//	Caller.Renew(ctx)      long streams ask from time to time who the caller is
//
// Memory is bounded, and keyed by an HMAC whose key dies with the process: no token is
// kept, and nobody can choose what collides.
package access
