package scan

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// Sources returns what tells from what file and line a subject was read: that of the
// object, or of its CRD where a finding stands for many; an empty file where it was
// read from none.
func Sources(manifests []Manifest) func(audit.Subject) (file string, line int) {
	plurals := map[schema.GroupKind]string{}
	found := map[audit.Subject]*Manifest{}
	for i := range manifests {
		m := &manifests[i]
		if !m.IsCRD() {
			continue
		}
		if r, err := discovery.Parse(&m.Unstructured); err == nil {
			plurals[schema.GroupKind{Group: r.GVR.Group, Kind: r.Kind}] = r.GVR.Resource
			found[audit.Subject{Group: r.GVR.Group, Resource: r.GVR.Resource}] = m
			crds := discovery.CRDs().GVR
			found[audit.Subject{Group: crds.Group, Resource: crds.Resource, Name: r.CRD}] = m
		}
	}
	for i := range manifests {
		m := &manifests[i]
		if plural, ok := plurals[m.GroupVersionKind().GroupKind()]; ok {
			found[audit.Subject{Group: m.GroupVersionKind().Group, Resource: plural, Namespace: m.GetNamespace(), Name: m.GetName()}] = m
		}
	}
	return func(s audit.Subject) (string, int) {
		s.UID = ""
		if m := found[s]; m != nil {
			return m.File, m.Line
		}
		return "", 0
	}
}
