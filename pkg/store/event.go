package store

import (
	"bytes"
	_ "embed" // for the dictionary
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
	kjson "sigs.k8s.io/json"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// formatV1 is the first byte of an event's body: DEFLATE with dictionaryV1. Events
// that were written with a dictionary need it for ever: another one is another
// format, beside this one.
const formatV1 = 1

// dictionaryV1 is what the JSON of most events is made of, the most usual last.
//
//go:embed dictionary_v1.txt
var dictionaryV1 string

// maxEvent bounds what a damaged body may decompress to.
const maxEvent = 64 << 20

// The codes of the event types. A type without one stays in the body.
const (
	typeOther    = 0
	typeAdded    = 1
	typeModified = 2
	typeDeleted  = 3
	typeGap      = 4
	typeFinding  = 5
)

func typeCode(t watch.EventType) int64 {
	switch t {
	case watch.Added:
		return typeAdded
	case watch.Modified:
		return typeModified
	case watch.Deleted:
		return typeDeleted
	case watch.Gap:
		return typeGap
	case watch.Finding:
		return typeFinding
	}
	return typeOther
}

func typeOf(code int64) watch.EventType {
	switch code {
	case typeAdded:
		return watch.Added
	case typeModified:
		return watch.Modified
	case typeDeleted:
		return watch.Deleted
	case typeGap:
		return watch.Gap
	case typeFinding:
		return watch.Finding
	}
	return ""
}

// eventRow is an event as it is stored. The body is the JSON of what the columns do
// not have; resource, object and namespace are hashes that queries narrow down by.
type eventRow struct {
	seq, time, typ, kind        int64
	resource, object, namespace int64
	uid                         any
	body                        []byte
	// ref and managers are rows of other tables.
	ref      watch.ResourceRef
	managers []string
	// fingerprint is that of a finding, and resolved that it is not open any more.
	fingerprint string
	resolved    bool
}

// encodeEvent leaves kind to the transaction.
func encodeEvent(ev *watch.Event) (eventRow, error) {
	row := eventRow{
		seq: int64(ev.Seq), time: timeValue(ev.Time), typ: typeCode(ev.Type),
		resource: hash32(ev.Resource.Name()), object: objectHash(ev.Resource.Name(), ev.Namespace, ev.Name),
		namespace: hash32(ev.Namespace), uid: uidValue(ev.UID), ref: ev.Resource,
	}
	if f := ev.Finding; f != nil {
		row.fingerprint, row.resolved = f.Fingerprint, f.State == watch.FindingResolved
	}
	row.managers = slices.Clone(ev.Managers)
	slices.Sort(row.managers)
	row.managers = slices.Compact(row.managers)
	short := *ev
	short.Seq, short.Resource, short.UID = 0, watch.ResourceRef{}, ""
	short.Time = timeOf(0)
	if row.typ != typeOther {
		short.Type = ""
	}
	if ev.ID == usualID(ev) {
		short.ID = ""
	}
	b, err := json.Marshal(&short)
	if err != nil {
		return eventRow{}, fmt.Errorf("encoding event %d, %s: %w", ev.Seq, ev.ID, err)
	}
	row.body = deflate(b)
	return row, nil
}

func objectHash(resource, namespace, name string) int64 {
	return hash(resource, namespace, name)
}

// usualID is the ID that nearly all events have. It is stored only where it differs.
func usualID(ev *watch.Event) string {
	if ev.Type == watch.Deleted {
		return string(ev.UID) + "/" + string(watch.Deleted)
	}
	return string(ev.UID) + "/" + ev.ResourceVersion
}

func (r *eventRow) sum() int64 {
	return sumEvent.int(r.seq, r.time, r.typ, r.kind, r.resource, r.object, r.namespace).
		strings(string(uidOf(r.uid))).bytes(r.body).value()
}

// event decodes a row whose checksum was verified.
func (r *eventRow) event() (watch.Event, error) {
	b, err := inflate(r.body)
	if err != nil {
		return watch.Event{}, err
	}
	var ev watch.Event
	// Integers stay integers: a diff of large numbers must come back as it was.
	if err := kjson.UnmarshalCaseSensitivePreserveInts(b, &ev); err != nil {
		return watch.Event{}, err
	}
	ev.Seq, ev.Time, ev.UID, ev.Resource = uint64(r.seq), timeOf(r.time), uidOf(r.uid), r.ref
	if r.typ != typeOther {
		ev.Type = typeOf(r.typ)
	}
	if ev.ID == "" {
		ev.ID = usualID(&ev)
	}
	return ev, nil
}

// inflaters hold only memory, no state: the decoder of the standard kind takes 40 KB.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	out.WriteByte(formatV1)
	// Writing to a bytes.Buffer does not fail, and nothing else here can.
	_ = flate.StatelessDeflate(&out, b, true, []byte(dictionaryV1))
	return bytes.Clone(out.Bytes())
}

func inflate(body []byte) ([]byte, error) {
	if len(body) == 0 || body[0] != formatV1 {
		return nil, errors.New("its format is unknown")
	}
	return inflateWith(body[1:], []byte(dictionaryV1), maxEvent)
}

// inflateWith decompresses to at most limit bytes.
func inflateWith(body, dictionary []byte, limit int64) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(body), dictionary); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("it decompresses to more than %d bytes", limit)
	}
	return b, nil
}
