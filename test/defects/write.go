package defects

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// Who writes.
const (
	platform   = "platform-team"
	developer  = "kubectl-client-side-apply"
	controller = "broken-controller"
	legacy     = "legacy-cli"
)

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// definition is a CRD in short.
type definition struct {
	plural, kind string
	group        string // Group if it is empty
	undescribed  bool
	versions     []version
	conversion   string // YAML, flow style
}

// version is one version in short. The schema is YAML of the properties, flow style.
type version struct {
	name                       string
	stored, unserved, obsolete bool
	properties                 string
	more                       string // YAML beside the schema, flow style without braces
}

func (d definition) name() string { return d.plural + "." + d.apiGroup() }

func (d definition) apiGroup() string { return cmp.Or(d.group, Group) }

// manifest writes the CRD out.
func (d definition) manifest() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %s}\nspec:\n", d.name())
	fmt.Fprintf(&b, "  group: %s\n  scope: Namespaced\n  names: {plural: %s, kind: %s, singular: %s, listKind: %sList}\n",
		d.apiGroup(), d.plural, d.kind, strings.ToLower(d.kind), d.kind)
	if d.conversion != "" {
		fmt.Fprintf(&b, "  conversion: %s\n", d.conversion)
	}
	b.WriteString("  versions:\n")
	for _, v := range d.versions {
		fmt.Fprintf(&b, "  - name: %s\n    served: %t\n    storage: %t\n    deprecated: %t\n", v.name, !v.unserved, v.stored, v.obsolete)
		if v.more != "" {
			fmt.Fprintf(&b, "    %s\n", v.more)
		}
		fmt.Fprintf(&b, "    schema: {openAPIV3Schema: {type: object, %sproperties: %s}}\n", d.description(), v.properties)
	}
	return []byte(b.String())
}

// description makes the schema say what it is of: that it does not is a defect, too.
func (d definition) description() string {
	if d.undescribed {
		return ""
	}
	return "description: " + d.kind + " is a type with a defect., "
}

// define installs a CRD, or a new revision of one, and waits until that is served.
func (p *planter) define(ctx context.Context, d definition) error {
	return p.ApplyAs(ctx, platform, d.manifest())
}

// one is a definition with a single version.
func one(plural, kind, properties string) definition {
	return definition{plural: plural, kind: kind, versions: []version{{
		name: "v1", stored: true, properties: properties, more: "subresources: {status: {}}",
	}}}
}

// objects are those of a type, in a version and the namespace default.
func (p *planter) objects(d definition, version string) dynamic.ResourceInterface {
	return p.client.Resource(d.gvr(version)).Namespace("default")
}

func (d definition) gvr(version string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: d.apiGroup(), Version: version, Resource: d.plural}
}

// write applies an object of a version, whose body is YAML in flow style without
// braces. It tries for a while: a CRD is served a moment after it is established.
func (p *planter) write(ctx context.Context, manager string, d definition, version, name, body string) error {
	text := fmt.Sprintf("{apiVersion: %s/%s, kind: %s, metadata: {name: %s}, %s}", d.apiGroup(), version, d.kind, name, body)
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		return err
	}
	objects := p.objects(d, version)
	return until(ctx, func() error {
		_, err := objects.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: manager, Force: true})
		return err
	})
}

// update writes an object as a whole, as most programs do.
func (p *planter) update(ctx context.Context, manager string, d definition, name string, change func(*unstructured.Unstructured) error) error {
	objects := p.objects(d, "v1")
	return until(ctx, func() error {
		o, err := objects.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := change(o); err != nil {
			return err
		}
		_, err = objects.Update(ctx, o, metav1.UpdateOptions{FieldManager: manager})
		return err
	})
}

// status writes an object's status, given as YAML.
func (p *planter) status(ctx context.Context, d definition, name, status string) error {
	var body map[string]any
	if err := yaml.Unmarshal([]byte(status), &body); err != nil {
		return err
	}
	objects := p.objects(d, "v1")
	return until(ctx, func() error {
		o, err := objects.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		o.Object["status"] = body
		_, err = objects.UpdateStatus(ctx, o, metav1.UpdateOptions{FieldManager: controller})
		return err
	})
}

// delete deletes an object of the types that are planted; what has finalizers stays.
func (p *planter) delete(ctx context.Context, d definition, name string) error {
	objects := p.objects(d, "v1")
	return objects.Delete(ctx, name, metav1.DeleteOptions{})
}

// trim sets status.storedVersions by hand, as many a runbook says.
func (p *planter) trim(ctx context.Context, d definition, versions string) error {
	patch := fmt.Sprintf(`{"status":{"storedVersions":%s}}`, versions)
	_, err := p.client.Resource(crds).Patch(ctx, d.name(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: developer}, "status")
	return err
}

// until tries again what a change of a CRD that is not served yet, or somebody else's
// write, may have kept from succeeding.
func until(ctx context.Context, try func() error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		last = try()
		switch {
		case last == nil:
			return true, nil
		case apierrors.IsNotFound(last), apierrors.IsConflict(last), apierrors.IsTooManyRequests(last), apierrors.IsServiceUnavailable(last):
			return false, nil
		}
		return false, last
	})
	if wait.Interrupted(err) && last != nil {
		return last
	}
	return err
}
