package audit

import (
	"time"
)

// Census sums up all objects of one resource. Objects can be taken in and out again,
// so that it is kept up while they change.
type Census struct {
	Objects int
	// Bytes is the sum of the objects' sizes as JSON.
	Bytes int64
	// Writers are all who have entries in managedFields.
	Writers map[Writer]*Trace
	// Finalizers are by name; Deleting those of objects that are being deleted.
	Finalizers, Deleting map[string]*Trace
	// Namespaces are those that have objects.
	Namespaces map[string]*Trace
	// WithStatus is the number of objects that have a status.
	WithStatus int
	// Created is when the newest object was created. It is not set back when objects go.
	Created time.Time
	// Findings are the objects that a rule finds something in, by the rule's ID.
	Findings map[string]*Trace
	// Growth are earlier sizes, the oldest first, as far as somebody watched.
	Growth []Growth
}

// Writer is a manager as managedFields name one.
type Writer struct {
	Manager, Operation, Subresource, APIVersion string
}

// Trace says how many objects have something, and names one.
type Trace struct {
	Objects int
	// Sample is namespace/name of one that had it.
	Sample string
	// Newest is the latest time of it; zero where there is none. It is not set back
	// when objects go.
	Newest time.Time
}

// Growth is how many objects there were at a time.
type Growth struct {
	Time    time.Time
	Objects int
}

// NewCensus returns the census of no objects.
func NewCensus() *Census {
	return &Census{
		Writers: map[Writer]*Trace{}, Finalizers: map[string]*Trace{}, Deleting: map[string]*Trace{},
		Namespaces: map[string]*Trace{}, Findings: map[string]*Trace{},
	}
}

// Add takes an object in.
func (c *Census) Add(o *Object) { c.count(o, 1) }

// Remove takes out an object that was taken in, as it was then.
func (c *Census) Remove(o *Object) { c.count(o, -1) }

func (c *Census) count(o *Object, n int) {
	name := key(o)
	c.Objects += n
	c.Bytes += int64(n * o.Size)
	if t := o.GetCreationTimestamp().Time; n > 0 && t.After(c.Created) {
		c.Created = t
	}
	if _, ok := o.Object["status"]; ok {
		c.WithStatus += n
	}
	for _, w := range writers(o) {
		trace(c.Writers, w.Writer, n, name, w.time)
	}
	for _, f := range o.GetFinalizers() {
		trace(c.Finalizers, f, n, name, time.Time{})
		if d := o.GetDeletionTimestamp(); d != nil {
			trace(c.Deleting, f, n, name, d.Time)
		}
	}
	if ns := o.GetNamespace(); ns != "" {
		trace(c.Namespaces, ns, n, name, time.Time{})
	}
}

// Note counts the object among those that a rule finds something in, n times 1 or -1.
func (c *Census) Note(rule, object string, n int) {
	trace(c.Findings, rule, n, object, time.Time{})
}

type writing struct {
	Writer
	time time.Time
}

// writers are the distinct ones of an object.
func writers(o *Object) []writing {
	var out []writing
	seen := map[Writer]int{}
	for _, e := range o.GetManagedFields() {
		w := Writer{Manager: e.Manager, Operation: string(e.Operation), Subresource: e.Subresource, APIVersion: e.APIVersion}
		i, ok := seen[w]
		if !ok {
			i = len(out)
			seen[w] = i
			out = append(out, writing{Writer: w})
		}
		if e.Time != nil && e.Time.After(out[i].time) {
			out[i].time = e.Time.Time
		}
	}
	return out
}

func trace[K comparable](m map[K]*Trace, k K, n int, sample string, at time.Time) {
	t := m[k]
	if t == nil {
		t = &Trace{Sample: sample}
		m[k] = t
	}
	t.Objects += n
	if n > 0 && at.After(t.Newest) {
		t.Newest = at
	}
	if t.Objects <= 0 {
		delete(m, k)
	}
}

// key is namespace/name, or name.
func key(o *Object) string {
	return Subject{Namespace: o.GetNamespace(), Name: o.GetName()}.Object()
}
