package audit

import (
	"bytes"
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
	// Blocking are the finalizers of objects that are being deleted, by namespace.
	Blocking map[Blocker]*Trace
	// Conditions are how many objects say what of themselves in status.conditions.
	Conditions map[Condition]int
	// WithStatus is the number of objects that have a status.
	WithStatus int
	// Waiting are the objects that wait for their controller (see waitingSince), by the
	// hour in which they began to.
	Waiting map[time.Time]*Trace
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

// Condition is the type of one, such as Ready, and its status, such as False.
type Condition struct {
	Type, Status string
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

// Blocker is a finalizer that objects of a namespace wait for to be deleted.
type Blocker struct {
	Namespace, Finalizer string
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
		Conditions: map[Condition]int{}, Blocking: map[Blocker]*Trace{}, Waiting: map[time.Time]*Trace{},
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
	c.countConditions(o, n)
	for _, w := range writers(o) {
		trace(c.Writers, w.Writer, n, name, w.time)
	}
	for _, f := range o.GetFinalizers() {
		trace(c.Finalizers, f, n, name, time.Time{})
		if d := o.GetDeletionTimestamp(); d != nil {
			trace(c.Deleting, f, n, name, d.Time)
			trace(c.Blocking, Blocker{o.GetNamespace(), f}, n, name, d.Time)
		}
	}
	if t := waitingSince(o); !t.IsZero() {
		trace(c.Waiting, t.UTC().Truncate(time.Hour), n, name, t) // UTC: a key tells zones apart
	}
	if ns := o.GetNamespace(); ns != "" {
		trace(c.Namespaces, ns, n, name, time.Time{})
	}
}

// countConditions counts what has the form of a condition.
func (c *Census) countConditions(o *Object, n int) {
	status, _ := o.Object["status"].(map[string]any)
	list, _ := status["conditions"].([]any)
	for _, item := range list {
		fields, _ := item.(map[string]any)
		typ, _ := fields["type"].(string)
		said, ok := fields["status"].(string)
		if !ok || typ == "" {
			continue
		}
		k := Condition{Type: typ, Status: said}
		if c.Conditions[k] += n; c.Conditions[k] <= 0 {
			delete(c.Conditions, k)
		}
	}
}

// waitingSince is when an object began to wait for its controller: when it was created,
// if it has no status yet, or when its spec was last written, if the status tells of an
// earlier generation. Zero: it does not wait, or is being deleted, or it does not tell.
func waitingSince(o *Object) time.Time {
	if o.GetDeletionTimestamp() != nil {
		return time.Time{}
	}
	status, _ := o.Object["status"].(map[string]any)
	if len(status) == 0 {
		return o.GetCreationTimestamp().Time
	}
	if observed, ok := status["observedGeneration"].(int64); ok && observed > 0 && observed < o.GetGeneration() {
		return specWritten(o)
	}
	return time.Time{}
}

// specWritten is when somebody last wrote the spec, or something else with it; zero
// when that is not told.
func specWritten(o *Object) time.Time {
	var last time.Time
	for _, e := range o.GetManagedFields() {
		if e.Subresource == "" && e.Time != nil && e.Time.After(last) && e.FieldsV1 != nil &&
			bytes.Contains(e.FieldsV1.GetRawBytes(), []byte(`"f:spec"`)) {
			last = e.Time.Time
		}
	}
	return last
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
	for _, e := range o.heads() {
		w := Writer{Manager: e.Manager, Operation: e.Operation, Subresource: e.Subresource, APIVersion: e.APIVersion}
		i, ok := seen[w]
		if !ok {
			i = len(out)
			seen[w] = i
			out = append(out, writing{Writer: w})
		}
		if e.Time.After(out[i].time) {
			out[i].time = e.Time
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
