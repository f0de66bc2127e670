package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unsafe"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// recordFormat is the version of what a Record compresses. It stands in the Scope of
// each Checkpoint, so that a program that reads another form does not try.
const recordFormat = 1

// errForgotten makes the informer list and compare, where the watch cannot go on from
// what is remembered.
var errForgotten = errors.New("what was kept of the resource does not say where its watch can go on")

// memory is what an earlier process kept of a resource. The first pump replays it to
// the informer as if it were the first list, so that nothing need be listed: the API
// server is asked only for what has happened since.
type memory struct {
	snapshots  Snapshots
	checkpoint Checkpoint
	log        *slog.Logger

	codecs map[*byte]*codec
	// newest and newestThin are the codecs with the most samples, of whole objects and of
	// metadata alone, and objects and thin how many of all and of the latter were read.
	newest, newestThin *codec
	objects, thin      int
	// damaged: not all of what was kept can be read.
	damaged bool
}

// recollection is what the handler must know of a memory that was replayed.
type recollection struct {
	checkpoint Checkpoint
	damaged    bool
	// resumes: the watch goes on from the checkpoint. Otherwise a list follows.
	resumes bool
}

// recall replays a memory, and reports whether the watch can go on from it. Otherwise
// the informer has been told to list.
func (p *pump) recall(ctx context.Context, m *memory) (resumes bool) {
	for o, err := range m.snapshots.Objects(ctx, m.checkpoint.Resource) {
		if err != nil {
			m.log.Error("reading a saved object", "resource", m.checkpoint.CRD, "error", err)
			m.damaged = true
		}
		if err != nil && o.Name == "" {
			break
		}
		r := m.restore(o, err != nil || m.foreign())
		if !p.feed.host.restored(r) {
			m.damaged = true
			r = lost(o)
		}
		if !p.send(ctx, apiwatch.Event{Type: apiwatch.Added, Object: carrier(r)}) {
			return false
		}
		p.feed.listed.Add(1)
	}
	c := m.checkpoint
	known := recollection{checkpoint: c, damaged: m.damaged}
	known.resumes = !m.damaged && c.Position != "" && c.Origin == "" && c.Scope == p.feed.scope
	p.send(ctx, apiwatch.Event{Type: apiwatch.Bookmark, Object: initialEventsEnd(c.Position)})
	p.feed.host.listEnds()
	p.feed.recalled(c)
	p.feed.rememberThin(m.thin, m.objects, known.resumes)
	p.synced = true
	p.mark(ctx, func() { p.feed.host.recalled(known, m) })
	if !known.resumes {
		p.relist(ctx, "", errForgotten)
	}
	return known.resumes
}

// restore makes the Record of a saved object. Of one that cannot be read only the name
// is known: that it was there keeps it from being taken for a new one.
func (m *memory) restore(o SavedObject, unreadable bool) *Record {
	m.objects++
	if unreadable {
		return lost(o)
	}
	r := restore(o, m.codec(o.Dictionary))
	r.origin = codeOf(originSaved)
	if r.MetadataOnly() {
		m.thin++
	}
	return r
}

func lost(o SavedObject) *Record {
	r := Restore(SavedObject{Namespace: o.Namespace, Name: o.Name})
	r.origin = codeOf(originLost)
	return r
}

// foreign: the Records are of another form than this program's.
func (m *memory) foreign() bool {
	format, _, _ := strings.Cut(m.checkpoint.Scope, " ")
	if format == "" || format == strconv.Itoa(recordFormat) {
		return false
	}
	m.damaged = true
	return true
}

// codec returns one codec for each dictionary, as before.
func (m *memory) codec(dictionary []byte) *codec {
	key := unsafe.SliceData(dictionary)
	c, ok := m.codecs[key]
	if !ok {
		c = newCodec(dictionary[:len(dictionary):len(dictionary)])
		if m.codecs == nil {
			m.codecs = map[*byte]*codec{}
		}
		m.codecs[key] = c
	}
	newest := &m.newest
	if c.thin {
		newest = &m.newestThin
	}
	if *newest == nil || len(dictionary) > len((*newest).dictionary) {
		*newest = c
	}
	return c
}

// Restore returns the Record that was saved.
func Restore(o SavedObject) *Record {
	return restore(o, newCodec(o.Dictionary))
}

func restore(o SavedObject, c *codec) *Record {
	r := &Record{codec: c, generation: o.Generation}
	key := o.Name
	if o.Namespace != "" {
		key = o.Namespace + "/" + key
		r.nameAt = uint16(len(o.Namespace) + 1)
	}
	r.keyLen = uint16(len(key))
	r.resourceVersion, _ = strconv.ParseUint(o.ResourceVersion, 10, 64)
	r.uid = parseUID(string(o.UID))
	r.data = key + string(o.Body)
	return r
}

// recordField holds a Record inside of the Unstructured that the reflector insists on.
const recordField = "crdwatch/record"

func carrier(r *Record) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"namespace": r.Namespace(), "name": r.Name(), "resourceVersion": r.ResourceVersion(),
		},
		recordField: r,
	}}
}

// carried returns the Record that an object stands for, or nil.
func carried(u *unstructured.Unstructured) *Record {
	r, _ := u.Object[recordField].(*Record)
	return r
}

// scopeText is a Scope, and how Records of it are written, in the form of a Checkpoint.
func scopeText(s Scope) string {
	return fmt.Sprintf("%d namespace=%q labels=%q fields=%q", recordFormat, s.Namespace, s.LabelSelector, s.FieldSelector)
}
