package scan

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// errUnreadable: it is the CRD that makes no sense, not its objects.
var errUnreadable = errors.New("the CRD cannot be read")

// reading is one attempt to read all objects of a resource. Until it has ended, what it
// finds is its own: should the list begin anew, all of that is forgotten.
type reading struct {
	crd       *audit.CRD
	redaction *diff.Schema
	census    *audit.Census
	collector audit.Collector
}

// readResource judges all objects of a resource. Its only error is that of ctx.
func (s *scan) readResource(ctx context.Context, r *resource) error {
	defer s.advance(1, 0)
	if !r.resource.Watchable() {
		r.failure = &audit.Failure{Reason: r.resource.Unserved, Message: r.resource.UnservedMessage}
		s.notEvaluated(r.name(), r.failure.Reason, errors.New(r.failure.Message))
		return nil
	}
	l := &lister{
		client: s.Clients.Pages().Resource(r.resource.GVR).Namespace(r.scope.Namespace),
		opts:   metav1.ListOptions{LabelSelector: r.scope.LabelSelector, FieldSelector: r.scope.FieldSelector},
	}
	reading, held := s.newReading(), false
	for page, err := l.next(ctx); page != nil || err != nil; page, err = l.next(ctx) {
		if len(page) > 0 && !held {
			s.decoding <- struct{}{}
			defer func() { <-s.decoding }()
			held = true
		}
		if l.restarted && err == nil {
			s.advance(0, -reading.census.Objects)
			reading = s.newReading()
		}
		if err == nil {
			err = s.readPage(ctx, r, reading, l, page)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.fail(ctx, r, err, l.attempts)
			break
		}
	}
	if r.failure == nil {
		r.census = reading.census
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collector.Merge(&reading.collector)
	return ctx.Err()
}

// fail notes why a resource cannot be read. That of a CRD which was deleted meanwhile
// is none that should.
func (s *scan) fail(ctx context.Context, r *resource, err error, attempts int) {
	t := watch.Explain(err)
	if errors.Is(err, errUnreadable) {
		t.Reason = unreadableCRD
	}
	r.failure = &audit.Failure{Reason: t.Reason, Message: t.Message, Attempts: attempts}
	if t.State == watch.NotServed && s.deleted(ctx, r) {
		r.gone = true
		return
	}
	s.notEvaluated(r.name(), t.Reason, err)
}

// deleted reports whether the CRD is surely not there any more.
func (s *scan) deleted(ctx context.Context, r *resource) bool {
	var found *metav1.PartialObjectMetadata
	_, err := watch.Persist(ctx, pause, func(ctx context.Context) (err error) {
		found, err = s.Clients.Metadata().Resource(discovery.CRDs().GVR).Get(ctx, r.name(), metav1.GetOptions{})
		return err
	})
	return apierrors.IsNotFound(err) || err == nil && found.UID != r.resource.UID
}

func (s *scan) newReading() *reading {
	return &reading{
		census:    audit.NewCensus(),
		collector: audit.Collector{Now: s.Now, Known: s.collector.Known, Seen: s.collector.Seen},
	}
}

// readPage judges a page and forgets it.
func (s *scan) readPage(ctx context.Context, r *resource, into *reading, l *lister, page []unstructured.Unstructured) error {
	if len(page) == 0 {
		return nil
	}
	if err := into.open(r.definition); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	objects := make([]*audit.Object, len(page))
	for i := range page {
		objects[i] = newObject(page[i].Object, into.redaction)
		l.read(objects[i].Size)
	}
	s.examiner.page(ctx, audit.Input{CRD: into.crd}, objects, into.census, &into.collector)
	s.advance(0, len(page))
	return nil
}

// open decodes the CRD for the first objects: thousands of CRDs have none.
func (into *reading) open(d *definition) (err error) {
	if into.crd == nil {
		into.crd, into.redaction, err = d.open(d.resource.GVR.Version)
	}
	return err
}

// newObject takes an object over: it is measured, then redacted.
func newObject(content map[string]any, redaction *diff.Schema) *audit.Object {
	size := audit.Size(content)
	annotations := audit.AnnotationBytes(content)
	redaction.Redact(content)
	o := audit.NewObject(content, size)
	o.AnnotationBytes = annotations
	return o
}
