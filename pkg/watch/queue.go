package watch

import "sync/atomic"

// queue measures what has come in and is not handled yet, over all monitors. The
// queues themselves are the informers'.
type queue struct {
	depth, bytes atomic.Int64
}

func (q *queue) add(r *Record) {
	q.depth.Add(1)
	q.bytes.Add(int64(r.Size()))
}

func (q *queue) done(r *Record) {
	q.depth.Add(-1)
	q.bytes.Add(-int64(r.Size()))
}

// take moves everything out of q, and out of the queue that q is a part of.
func (q *queue) take(from *queue) {
	from.depth.Add(-q.depth.Swap(0))
	from.bytes.Add(-q.bytes.Swap(0))
}

// clear says that what is in q is now accounted for elsewhere.
func (q *queue) clear() {
	q.depth.Store(0)
	q.bytes.Store(0)
}
