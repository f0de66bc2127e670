package watch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// monitor owns one resource for the life of its CRD: the informer, its records, its
// state. The feed below it lets the informer run on through everything that happens
// to the watch, a change of version included.
type monitor struct {
	opts    *Options
	schemas *schemas
	queue   *queue
	feed    *feed
	log     *slog.Logger
	// observe, if set, is told of each Record that comes or goes, after its Event.
	observe func(r *Record, deleted bool)
	// prepare, if set, sees each object before it is compressed.
	prepare func(obj *unstructured.Unstructured, r *Record)
	// settle is told when the resource's state becomes classified, or ceases to be.
	settle func(classified bool)
	// first is called when the first list is complete.
	first func()
	// initial is the origin of the objects that are there when the watch begins, or
	// empty if they are no events.
	initial Origin
	// stop ends the informer. It is set before the informer runs.
	stop context.CancelFunc
	// narrowed: only some of the resource's objects are watched.
	narrowed bool
	// ended: the feed of a deleted CRD has delivered all it will.
	ended atomic.Bool

	// incoming is the part of queue that the informer holds back until a list is
	// complete, and drops if it is cut off.
	incoming queue

	// informer is nil until there is one.
	informer atomic.Pointer[cache.SharedIndexInformer]

	// thinCodecs are those of Records of metadata alone.
	codecs, thinCodecs codecs

	objects     atomic.Int64
	recordBytes atomic.Int64

	// What follows belongs to the handler's goroutine alone.
	relist relist
	// known is the Checkpoint of the last entry.
	known Checkpoint

	mu              sync.Mutex
	resource        discovery.Resource
	current         State
	reason, message string
	since           time.Time
	failures        int
	// wholeSize is what an object took before only its metadata was kept, and shortage
	// why that is so.
	wholeSize int64
	shortage  string
}

// run watches until ctx ends, or the CRD is gone and its last objects are reported.
func (m *monitor) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gvr := m.snapshot().Resource.GVR
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(m.feed, 0, metav1.NamespaceAll, nil)
	informer := factory.ForResource(gvr).Informer()
	// None of the three can fail before the informer runs.
	_ = informer.SetTransform(m.transform)
	_ = informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})
	_, _ = informer.AddEventHandler(m)
	m.stop = cancel
	m.informer.Store(&informer)
	informer.RunWithContext(ctx)
	m.feed.pumps.Wait()
	if m.ended.Load() {
		m.reportRemains(informer.GetStore())
		m.record(Entry{Forgotten: true})
		m.setState(Gone, "Deleted", "the CRD was deleted")
	}
}

// update takes in a new revision of the CRD.
func (m *monitor) update(r discovery.Resource, scope Scope) {
	m.mu.Lock()
	m.resource = r
	m.mu.Unlock()
	m.feed.retarget(targetOf(r, scope))
}

// unserved implements host.
func (m *monitor) unserved() {
	r := m.snapshot().Resource
	m.setState(NotServed, r.Unserved, r.UnservedMessage)
}

// transform makes the Record of an object. The informer calls it a second time with
// its own result. It never returns an error: that would drop the object for good.
func (m *monitor) transform(obj any) (any, error) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj, nil
	}
	if mark := markOf(u); mark != nil {
		return mark, nil
	}
	r := carried(u)
	if r == nil {
		r = m.compact(u)
	}
	m.queue.add(r)
	if r.listed() {
		m.incoming.add(r)
	}
	return r, nil
}

// listBegins implements host.
func (m *monitor) listBegins() { m.incoming.take(m.queue) }

// listEnds implements host.
func (m *monitor) listEnds() { m.incoming.clear() }

// compact makes a Record of an object, or of the sketch of one.
func (m *monitor) compact(u *unstructured.Unstructured) *Record {
	now, origin := time.Now(), untag(u)
	raw, codecs, text := rawOf(u), &m.codecs, []byte(nil)
	if isPartial(u) {
		codecs, text = &m.thinCodecs, m.thin(u)
	} else {
		text = m.redacted(u)
	}
	// What comes with a list stays, most often; what changes will change again.
	r := newRecord(codecs.next(text), u.Object, text, now, origin == Reconciled)
	r.origin = codeOf(origin)
	if raw != nil {
		// Nobody else has the sketch: the informer lets go of it for the Record.
		delete(u.Object, rawField)
		raw.release()
	}
	if m.prepare != nil {
		m.prepare(u, r)
	}
	return r
}

// redacted returns the JSON of an object without its sensitive values. A sketch is
// filled in only if there may be some, or the whole object is needed anyway.
func (m *monitor) redacted(u *unstructured.Unstructured) []byte {
	r := m.snapshot().Resource
	raw := rawOf(u)
	if raw != nil && raw.clean && !r.Passwords && m.prepare == nil {
		return raw.json
	}
	if raw != nil {
		obj, err := raw.object()
		if err != nil {
			obj = unreadable(u.Object, err)
		}
		u.Object = obj
	}
	// Most schemas have no password format; then the rules that need no schema are
	// all there are, and the schema need not be decoded for them.
	if r.Passwords || r.UID == discovery.CRDs().UID {
		m.schema(r).Redact(u.Object)
	} else {
		m.schemas.none.Redact(u.Object)
	}
	return marshal(u.Object)
}

// setState implements host. It logs transitions, not repetitions, and tells of those as
// often as it takes to believe a failure.
func (m *monitor) setState(s State, reason, message string) {
	m.mu.Lock()
	was, name, uid := m.current, m.resource.CRD, m.resource.UID
	failures := 0
	if s.failed() {
		failures = 1
		if was == s && m.reason == reason {
			failures += m.failures
		}
	}
	changed := was != s || m.reason != reason || m.message != message ||
		m.failures != failures && failures <= persistAttempts
	m.current, m.reason, m.message, m.failures = s, reason, message, failures
	if was != s {
		m.since = time.Now()
	}
	m.mu.Unlock()
	if changed && m.opts.StateChanged != nil {
		m.opts.StateChanged(uid)
	}
	if was == s {
		return
	}
	if was.Classified() != s.Classified() {
		m.settle(s.Classified())
	}
	level := slog.LevelInfo
	if s.failed() {
		level = slog.LevelWarn
	}
	if was == Pending && (s == Syncing || reason == "NotEstablished") || was == Syncing && s == Synced {
		level = slog.LevelDebug // the ordinary way into life
	}
	m.log.Log(context.Background(), level, "watch state changed",
		"resource", name, "from", was, "to", s, "reason", reason, "message", message)
}

// state implements host.
func (m *monitor) state() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

// restarted implements host.
func (m *monitor) restarted(reason string) {
	if m.opts.Observer != nil {
		m.opts.Observer.WatchRestarted(m.snapshot().Resource, reason)
	}
}

// handled implements host. It is called on the handler's goroutine.
func (m *monitor) handled() int {
	return int(m.objects.Load())
}

// drained implements host.
func (m *monitor) drained() {
	m.ended.Store(true)
	m.stop()
}

func (m *monitor) snapshot() Status {
	m.mu.Lock()
	s := Status{
		Resource: m.resource, State: m.current, Reason: m.reason, Message: m.message, Since: m.since, Failures: m.failures,
		Whole: !m.narrowed, Objects: int(m.objects.Load()), RecordBytes: m.recordBytes.Load(),
	}
	shortage := m.shortage
	m.mu.Unlock()
	m.reduced(&s, shortage)
	return s
}
