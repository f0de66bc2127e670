package report

import (
	"unsafe"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const minRing = 64

// ring holds the newest events, oldest first, in a circular buffer that grows until
// the caller starts to pop. It is not safe for concurrent use.
type ring struct {
	buf   []entry
	head  int
	n     int
	bytes int64
}

// entry is an event with its approximate size, so that a pop costs no second count.
type entry struct {
	ev   *watch.Event
	size int64
}

func (r *ring) push(e entry) {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)%len(r.buf)] = e
	r.n++
	r.bytes += e.size
}

func (r *ring) pop() {
	r.bytes -= r.buf[r.head].size
	r.buf[r.head] = entry{}
	r.head = (r.head + 1) % len(r.buf)
	r.n--
}

func (r *ring) grow() {
	buf := make([]entry, max(minRing, 2*len(r.buf)))
	for i := range r.n {
		buf[i] = r.buf[(r.head+i)%len(r.buf)]
	}
	r.buf, r.head = buf, 0
}

// slice returns the events from position i (0 is the oldest) up to and without j.
func (r *ring) slice(i, j int) []*watch.Event {
	if i >= j {
		return nil
	}
	out := make([]*watch.Event, 0, j-i)
	for ; i < j; i++ {
		out = append(out, r.buf[(r.head+i)%len(r.buf)].ev)
	}
	return out
}

// Shallow sizes, for eventSize.
const (
	sizeEvent   = int64(unsafe.Sizeof(watch.Event{}) + unsafe.Sizeof(entry{}))
	sizeGap     = int64(unsafe.Sizeof(watch.GapInfo{}))
	sizeFinding = int64(unsafe.Sizeof(watch.FindingInfo{}))
	sizeChange  = int64(unsafe.Sizeof(diff.Change{}))
	sizeString  = int64(unsafe.Sizeof(""))
	sizeAny     = int64(unsafe.Sizeof(any(nil)))
	sizeScalar  = 8
	sizeMap     = 48
)

// eventSize estimates what an event keeps alive. It counts what events share (the
// names of managers, values of one object) each time, so that it errs upwards.
func eventSize(ev *watch.Event) int64 {
	size := sizeEvent + length(ev.ID, string(ev.UID), ev.Namespace, ev.Name, ev.ResourceVersion)
	for _, m := range ev.Managers {
		size += sizeString + int64(len(m))
	}
	for i := range ev.Changes {
		c := &ev.Changes[i]
		size += sizeChange + length(c.Path, c.Manager) + valueSize(c.Old) + valueSize(c.New)
	}
	if ev.Gap != nil {
		size += sizeGap
	}
	if f := ev.Finding; f != nil {
		size += sizeFinding + length(f.Message, f.Path, f.Fingerprint)
	}
	return size
}

func length(values ...string) int64 {
	n := 0
	for _, v := range values {
		n += len(v)
	}
	return int64(n)
}

// valueSize estimates the heap behind a JSON value. The interface that holds it is
// the caller's to count.
func valueSize(v any) int64 {
	switch v := v.(type) {
	case nil, bool:
		return 0
	case string:
		return sizeString + int64(len(v))
	case []any:
		size := sizeAny * int64(len(v))
		for _, e := range v {
			size += valueSize(e)
		}
		return size
	case map[string]any:
		size := int64(sizeMap)
		for k, e := range v {
			size += sizeString + int64(len(k)) + sizeAny + valueSize(e)
		}
		return size
	}
	return sizeScalar
}
