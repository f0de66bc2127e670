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
