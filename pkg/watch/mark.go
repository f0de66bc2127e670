package watch

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// mark is a message from the feed to the monitor that travels through the
// informer's queues in step with the objects. The informer takes it for an object
// that is added and deleted at once, so that nothing of it stays in the store. Its
// name cannot be that of a real object.
type mark struct {
	name            string
	resourceVersion string
	// seen is called by the monitor when all that came before has been handled.
	seen func()
}

// GetObjectMeta implements metav1.ObjectMetaAccessor.
func (m *mark) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Name: m.name, ResourceVersion: m.resourceVersion}
}

// markField holds the mark inside of the Unstructured that the reflector insists on.
const markField = "crdwatch/mark"

// newMark makes a mark at a resourceVersion. The reflector takes that for the
// position of the watch, so it must be the true one.
func newMark(n uint64, resourceVersion string, seen func()) *mark {
	return &mark{name: fmt.Sprintf("\x00mark-%d", n), resourceVersion: resourceVersion, seen: seen}
}

// markOf returns the mark that an object stands for, or nil.
func markOf(u *unstructured.Unstructured) *mark {
	m, _ := u.Object[markField].(*mark)
	return m
}

// events are what the informer must see for the mark to pass.
func (m *mark) events() [2]apiwatch.Event {
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": m.name, "resourceVersion": m.resourceVersion},
		markField:  m,
	}}
	return [2]apiwatch.Event{{Type: apiwatch.Added, Object: u}, {Type: apiwatch.Deleted, Object: u}}
}
