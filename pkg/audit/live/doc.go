// Package live audits for as long as a cluster is watched: a finding appears when what
// causes it changes, and is resolved when that is over.
//
// It owns the Auditor: what is evaluated when, and what became of each finding. It is
// told by the Recorder of entries that are kept, reads objects where the watch has them,
// and hands the Recorder an event for each finding that comes or goes. It refuses to
// keep objects, to poll, and to hold anybody up: what it is given it puts aside, and one
// goroutine of its own does the work.
//
// # What is evaluated when
//
//   - An object when it has changed, before everything else. Where very many change, those
//     of one resource together, in a bounded share of the time (Options.Share).
//   - A CRD when it, the census of its objects or its watch has changed, half a second
//     later at the earliest, so that many changes are one evaluation. The more an
//     evaluation costs, the rarer it is.
//   - Whatever asked something of the cluster when the answer has changed. Types of which
//     the API server says nothing for long hold up no others; see lanes.
//   - A CRD without objects when what is known of its siblings has changed.
//   - All objects of a resource when they are known for the first time, when their CRD
//     was edited, and when more changed than could be put aside: in the background, which
//     has a bounded share of the time (Options.Share).
//   - Nothing because time passes: findings say from and until when they hold, and
//     timers wait for that.
//
// # What is kept of an object
//
// Nothing, if nothing is wrong with it, and otherwise what its findings do not have in
// common with those of others; see finding. The census of a resource is kept up by the
// entries, each of which has the revision that it replaces; see counting.
//
// # What nothing is said of
//
// A resource is said to be under way (audit.Evaluating) until all its objects, and the CRD
// with their census, were evaluated for the first time: not before that does no finding
// mean that nothing is wrong. And it is said to be MetadataOnly as long as the watch keeps
// no more than metadata of its objects, because memory is short: no rule looks at those,
// and they are not counted. What the rules find in the CRD itself without its objects is
// said.
//
// # When a finding is resolved
//
// Only when its rule was applied and does not find it any more, or its subject is gone.
// A rule that cannot tell leaves its findings open, and so does a resource whose objects
// cannot be read, or are only their metadata. A change of severity is one more event that the finding is open, with
// the old severity.
//
// # After a restart
//
// The findings that were open are given back (Options.Open) and count as open: nothing
// is told of them unless they turn out to be over. Those that come from comparing with
// what an earlier process saw stay open until their subject is edited. How many objects
// there were is given back, too (Options.Counts): what has grown since yesterday is no less
// so, and what was in use yesterday not unused, because a process has started.
package live
