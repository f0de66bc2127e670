// Package scan audits once: all objects of a cluster, or manifests in files.
//
// It owns the order of an audit. Each resource is read page by page, and each page
// is judged and forgotten, so that what is kept does not grow with the number of
// objects: the CRDs compressed, and a census of each resource. Rules about CRDs come
// last, when the census of every resource is known.
//
// It refuses to guess. What cannot be read is not evaluated, with the reason, and never
// passed over; a resource that cannot be read keeps no other from being judged.
//
// Rules that need to watch for a while (Live) are left out: to read once cannot answer
// them.
package scan

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// width is the number of resources that are asked for at once. Most have no objects,
	// and the API server takes up to a tenth of a second to be sure of that.
	width = 16
	// decodeWidth is how many of them are read on. A page of each is decoded.
	decodeWidth = 3
	// judgeWidth is the most CRDs that are judged at once, however many CPUs there are:
	// a large one takes megabytes.
	judgeWidth = 8
)

// Reasons of what is not evaluated, besides those of audit.Failure.
const (
	// unreadableCRD: the CRD itself makes no sense.
	unreadableCRD = "UnreadableCRD"
	// crdMissing: there are objects in the files, but not their CRD.
	crdMissing = "CRDMissing"
	// versionMissing: there are objects in a version that their CRD does not have.
	versionMissing = "VersionMissing"
)

// Answerer answers questions about the cluster. It is called concurrently.
type Answerer interface {
	Answer(ctx context.Context, q audit.Question) audit.Answer
}

// Options configure an audit.
type Options struct {
	// Evaluator has the rules. It is used concurrently.
	Evaluator audit.Evaluator
	// Resolve chooses, of all CRDs, what is audited; nil: everything. Its error ends the
	// audit. Where only a part of a resource's objects is chosen, the CRD itself is not
	// judged.
	Resolve func(discovery.Set) (watch.Selector, error)
	// Known and Seen are as in audit.Collector. They are never called concurrently.
	Known func(*audit.Finding) bool
	Seen  func(*audit.Finding)
	// Before is found without looking at anything: what is wrong with the exemptions.
	Before audit.Verdict
	// Now is the time of the audit.
	Now time.Time
	// Progress is told how far the audit is; nil: nobody. It is never called concurrently.
	Progress func(Progress)

	// Clients read the cluster, and Answers what else rules ask for. Not used for manifests.
	Clients *watch.Clients
	Answers Answerer
}

// Progress says how far an audit is.
type Progress struct {
	// Done is how many of the Resources are read, Objects how many objects were.
	Done, Resources, Objects int
}

// Run audits a cluster. Its error says that nothing could be audited at all, or that
// ctx ended: what else cannot be read is in the Report.
func Run(ctx context.Context, o Options) (*audit.Report, error) {
	s := newScan(o)
	if err := s.readCRDs(ctx); err != nil {
		return nil, err
	}
	if err := s.choose(); err != nil {
		return nil, err
	}
	s.examiner.peers, s.examiner.server = s.peers(), s.Clients.ServerVersion(ctx)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(width)
	for _, r := range s.resources {
		group.Go(func() error { return s.readResource(groupCtx, r) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := s.judgeCRDs(ctx); err != nil {
		return nil, err
	}
	return s.collector.Report(), nil
}

// scan is one audit of a cluster.
type scan struct {
	Options
	examiner examiner

	// crds are all of the cluster, resources those of them that were chosen; both in the
	// order of their names.
	crds      []*definition
	resources []*resource

	// decoding has an element for each resource that is read on.
	decoding chan struct{}

	mu        sync.Mutex
	collector audit.Collector
	progress  Progress
}

// resource is one that was chosen, and what became of it.
type resource struct {
	*definition
	scope watch.Scope
	// census is nil until all objects were read, failure until they could not be.
	census  *audit.Census
	failure *audit.Failure
	// gone: the CRD was deleted during the audit.
	gone bool
}

func newScan(o Options) *scan {
	s := &scan{Options: o, collector: audit.Collector{Now: o.Now}, decoding: make(chan struct{}, decodeWidth)}
	s.examiner = examiner{evaluator: once(o.Evaluator), now: o.Now, answers: o.Answers}
	s.collector.Known, s.collector.Seen = s.callbacks()
	s.collector.Add(o.Before)
	return s
}

// once leaves out the rules that reading once cannot answer.
func once(e audit.Evaluator) audit.Evaluator {
	e.Rules = slices.DeleteFunc(slices.Clone(e.Rules), func(r audit.Rule) bool { return r.Live })
	return e
}

// callbacks are Known and Seen, one call at a time.
func (s *scan) callbacks() (known func(*audit.Finding) bool, seen func(*audit.Finding)) {
	var mu sync.Mutex
	if s.Known != nil {
		known = func(f *audit.Finding) bool {
			mu.Lock()
			defer mu.Unlock()
			return s.Known(f)
		}
	}
	if s.Seen != nil {
		seen = func(f *audit.Finding) {
			mu.Lock()
			defer mu.Unlock()
			s.Seen(f)
		}
	}
	return known, seen
}

// choose asks for the selection, and finds the resources that it means.
func (s *scan) choose() error {
	selector := watch.Everything
	if s.Resolve != nil {
		set := discovery.Set{}
		for _, d := range s.crds {
			set[d.resource.Key()] = d.resource
		}
		var err error
		if selector, err = s.Resolve(set); err != nil {
			return err
		}
	}
	for _, d := range s.crds {
		if scope, ok := selector(d.resource); ok {
			s.resources = append(s.resources, &resource{definition: d, scope: scope})
		}
	}
	s.progress.Resources = len(s.resources)
	return nil
}

// judgeCRDs applies the rules about CRDs, which must know of every resource what became
// of it.
func (s *scan) judgeCRDs(ctx context.Context) error {
	if err := s.countPeers(ctx); err != nil {
		return err
	}
	s.examiner.peers = s.peers()
	verdicts := make([]audit.Verdict, len(s.resources))
	atOnce(len(verdicts), func(i int) {
		if r := s.resources[i]; ctx.Err() == nil && r.scope == (watch.Scope{}) && !r.gone {
			verdicts[i] = s.judgeCRD(ctx, r)
		}
	})
	for _, v := range verdicts {
		s.collector.Add(v)
	}
	return ctx.Err()
}

func (s *scan) judgeCRD(ctx context.Context, r *resource) audit.Verdict {
	crd, err := r.parse()
	if err != nil {
		s.notEvaluated(r.name(), unreadableCRD, err)
		return audit.Verdict{}
	}
	verdict := s.examiner.crd(ctx, &audit.Input{CRD: crd, Census: r.census, Failure: r.failure})
	s.forgetSince(verdict.Findings)
	return verdict
}

// atOnce calls f for 0 … n-1, on all CPUs within reason.
func atOnce(n int, f func(i int)) {
	var group errgroup.Group
	group.SetLimit(min(judgeWidth, runtime.GOMAXPROCS(0)))
	for i := range n {
		group.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = group.Wait() // nobody returns an error
}

// forgetSince: what failed first when it was read now has failed for longer, but it is not
// known for how long.
func (s *scan) forgetSince(findings []audit.Finding) {
	for i := range findings {
		if findings[i].Since.Equal(s.Now) {
			findings[i].Since = time.Time{}
		}
	}
}

// countPeers counts the objects of resources that were not chosen, but are of one
// organisation with others that were: rules look at siblings.
func (s *scan) countPeers(ctx context.Context) error {
	chosen, organisations := map[*definition]bool{}, map[string]bool{}
	for _, r := range s.resources {
		chosen[r.definition] = true
		if r.scope == (watch.Scope{}) {
			organisations[audit.Organisation(r.resource.GVR.Group)] = true
		}
	}
	siblings := discovery.Set{}
	byKey := map[discovery.Key]*definition{}
	for _, d := range s.crds {
		if !chosen[d] && organisations[audit.Organisation(d.resource.GVR.Group)] {
			siblings[d.resource.Key()] = d.resource
			byKey[d.resource.Key()] = d
		}
	}
	statuses, err := watch.Survey(ctx, s.Clients, siblings, watch.Everything)
	for _, status := range statuses {
		if status.State == watch.Synced {
			byKey[status.Resource.Key()].peer.Objects = status.Objects
		}
	}
	return err
}

// peers are all CRDs, as rules see them.
func (s *scan) peers() []audit.Peer {
	for _, r := range s.resources {
		if r.census != nil && r.scope == (watch.Scope{}) {
			r.peer.Objects = r.census.Objects
		}
	}
	peers := make([]audit.Peer, 0, len(s.crds))
	for _, d := range s.crds {
		peers = append(peers, d.peer)
	}
	return peers
}

func (s *scan) notEvaluated(resource, reason string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collector.NotEvaluated(audit.Unevaluated{Resource: resource, Reason: reason, Message: err.Error()})
}

// advance notes progress and tells it.
func (s *scan) advance(resources, objects int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress.Done += resources
	s.progress.Objects += objects
	if s.Progress != nil {
		s.Progress(s.progress)
	}
}
