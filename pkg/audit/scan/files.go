package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// isBuiltIn: the types of a group are no custom resources. Those of kustomize are in no
// cluster at all.
func isBuiltIn(group string) bool {
	others := []string{apiextensionsv1.GroupName, "apiregistration.k8s.io", "kustomize.config.k8s.io"}
	return scheme.Scheme.IsGroupRegistered(group) || slices.Contains(others, group)
}

// RunFiles audits manifests: CRDs, the custom resources among the rest, and the CRDs
// against earlier revisions of them. It needs no cluster, and asks it nothing. Objects of
// built-in types are passed over; those whose CRD is not there are not evaluated.
func RunFiles(ctx context.Context, o Options, manifests, earlier []Manifest) (*audit.Report, error) {
	f := &files{scan: newScan(o), objects: map[schema.GroupKind][]Manifest{}, earlier: map[string]Manifest{}}
	f.examiner.answers = nil
	if err := f.sort(manifests, earlier); err != nil {
		return nil, err
	}
	if err := f.choose(); err != nil {
		return nil, err
	}
	for _, r := range f.resources {
		r.peer.Objects = -1
		if n := len(f.objects[r.groupKind()]); n > 0 {
			r.peer.Objects = n
		}
	}
	f.examiner.peers = f.peers()
	for _, r := range f.resources {
		if err := f.judge(ctx, r); err != nil {
			f.notEvaluated(r.name(), unreadableCRD, err)
		}
		f.advance(1, 0)
	}
	f.reportStrays()
	return f.collector.Report(), ctx.Err()
}

// files is one audit of manifests.
type files struct {
	*scan
	objects map[schema.GroupKind][]Manifest
	// earlier are earlier revisions of CRDs by name.
	earlier map[string]Manifest
}

func (d *definition) groupKind() schema.GroupKind {
	return schema.GroupKind{Group: d.resource.GVR.Group, Kind: d.resource.Kind}
}

// sort parts CRDs from objects. That a CRD stands twice among the files is an error: it
// is not known which one is meant.
func (f *files) sort(manifests, earlier []Manifest) error {
	crds, err := definitions(manifests)
	if err != nil {
		return err
	}
	if f.earlier, err = definitions(earlier); err != nil {
		return err
	}
	for _, m := range manifests {
		switch gvk := m.GroupVersionKind(); {
		case m.IsCRD():
		case !isBuiltIn(gvk.Group):
			f.objects[gvk.GroupKind()] = append(f.objects[gvk.GroupKind()], m)
		}
	}
	for _, crd := range crds {
		d, err := newDefinition(&crd.Unstructured)
		if err != nil {
			return fmt.Errorf("%s: %w", crd.Where, err)
		}
		// No API server has looked at it, so that nothing is known against it.
		d.resource.Unserved, d.resource.UnservedMessage = "", ""
		f.crds = append(f.crds, d)
	}
	slices.SortFunc(f.crds, func(a, b *definition) int { return cmp.Compare(a.name(), b.name()) })
	return nil
}

// definitions are the CRDs among manifests, by name.
func definitions(manifests []Manifest) (map[string]Manifest, error) {
	found := map[string]Manifest{}
	for _, m := range manifests {
		if !m.IsCRD() {
			continue
		}
		if v := m.GroupVersionKind().Version; v != apiextensionsv1.SchemeGroupVersion.Version {
			return nil, fmt.Errorf("%s: CRD %s is of %s/%s, which no supported API server serves: convert it to %s",
				m.Where, m.GetName(), apiextensionsv1.GroupName, v, apiextensionsv1.SchemeGroupVersion)
		}
		if first, ok := found[m.GetName()]; ok {
			return nil, fmt.Errorf("CRD %s stands in the files twice (%s, and %s): leave one of them out, or name the older one with --against", m.GetName(), first.Where, m.Where)
		}
		found[m.GetName()] = m
	}
	return found, nil
}

// setDefaults completes a CRD as the API server would.
func setDefaults(crd *audit.CRD, err error) (*audit.CRD, error) {
	if err == nil {
		apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(crd.CustomResourceDefinition)
	}
	return crd, err
}

// judge judges a CRD and its objects. The error says that the CRD makes no sense.
func (f *files) judge(ctx context.Context, r *resource) error {
	in := audit.Input{}
	var err error
	if in.CRD, err = setDefaults(r.parse()); err != nil {
		return err
	}
	if m, ok := f.earlier[r.name()]; ok {
		if in.Earlier, err = setDefaults(audit.ParseCRD(m.Object)); err != nil {
			return fmt.Errorf("%s: %w", m.Where, err)
		}
	}
	objects, err := f.chosen(r, in.CRD)
	if err != nil {
		return err
	}
	census := audit.NewCensus()
	f.examiner.page(ctx, in, objects, census, &f.collector)
	f.advance(0, len(objects))
	if len(objects) > 0 {
		in.Census = census
	}
	if r.scope == (watch.Scope{}) {
		f.collector.Add(f.examiner.crd(ctx, &in))
	}
	return nil
}

// chosen are the objects of a resource that were selected.
func (f *files) chosen(r *resource, crd *audit.CRD) ([]*audit.Object, error) {
	selector, err := labels.Parse(r.scope.LabelSelector)
	if err != nil {
		return nil, err
	}
	named, err := fields.ParseSelector(r.scope.FieldSelector)
	if err != nil {
		return nil, err
	}
	var objects []*audit.Object
	for _, m := range f.objects[r.groupKind()] {
		if r.scope.Namespace != "" && m.GetNamespace() != r.scope.Namespace || !selector.Matches(labels.Set(m.GetLabels())) ||
			!named.Matches(fields.Set{"metadata.name": m.GetName()}) {
			continue
		}
		version := crd.Version(m.GroupVersionKind().Version)
		if version == nil {
			f.notEvaluated(r.name(), versionMissing, fmt.Errorf("%s is of version %q, which the CRD does not have", m.Where, m.GroupVersionKind().Version))
			continue
		}
		redaction, err := version.Redaction()
		if err != nil {
			return nil, err
		}
		objects = append(objects, newObject(defaulted(m.Object, version), redaction))
	}
	return objects, nil
}

// defaulted fills in what the API server would, so that nothing is found missing that
// it adds.
func defaulted(content map[string]any, v *audit.Version) map[string]any {
	if s, err := v.Structural(); err == nil && s != nil {
		defaulting.Default(content, s)
	}
	return content
}

// reportStrays tells of objects without their CRD, once for each type.
func (f *files) reportStrays() {
	known := map[schema.GroupKind]bool{}
	for _, d := range f.crds {
		known[d.groupKind()] = true
	}
	for gk, objects := range f.objects {
		if known[gk] {
			continue
		}
		f.notEvaluated(gk.String(), crdMissing, fmt.Errorf("the CRD of kind %s in group %s is not among the files, so its objects cannot be judged (first in %s): add it with -f",
			gk.Kind, gk.Group, objects[0].Where))
	}
}
