package rules

import (
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func silentFieldLoss() audit.Rule {
	return audit.Rule{
		ID: "CR001", Name: "silent-field-loss", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR001"),
		Remediation: "Before anything writes the object again, put the field back into the schema, or restore the object from a backup; then let its manager apply it again.",
		Ask:         askFieldLoss,
		Check:       checkFieldLoss,
	}
}

// An owner is an entry of managedFields that can be judged.
type owner struct {
	audit.Entry
	version *audit.Version
	// converted: the object must be read in the entry's version.
	converted bool
}

// owners are the entries whose version is served. CR002 tells of the others: what a
// webhook that is no more did with their fields cannot be known.
func owners(in *audit.Input) []owner {
	live := in.Object.GroupVersionKind()
	var out []owner
	for _, e := range in.Object.Entries() {
		gv, err := schema.ParseGroupVersion(e.APIVersion)
		if err != nil || e.Fields == nil || gv.Group != in.CRD.Spec.Group || live.Group != gv.Group {
			continue
		}
		v := in.CRD.Version(gv.Version)
		if v == nil || !v.Served {
			continue
		}
		out = append(out, owner{Entry: e, version: v, converted: gv.Version != live.Version && converts(in, live.Version)})
	}
	return out
}

// converts reports whether a field may be somewhere, although an object of the version
// does not show it in its place: under another name, or stored but pruned when read.
func converts(in *audit.Input, version string) bool {
	c, storage := in.CRD.Spec.Conversion, in.CRD.Storage()
	return c != nil && c.Strategy == apiextensionsv1.WebhookConverter || storage == nil || storage.Name != version
}

// absent returns where the object lacks what the owner has set, each place once, with
// the number of fields that are lost there.
func (o *owner) absent(object map[string]any) map[string]lostPart {
	lost := map[string]lostPart{}
	o.Fields.Leaves().Iterate(func(path fieldpath.Path) {
		if !o.mayOwn(path) {
			return
		}
		if at := absentFrom(object, path); at != nil && !isMasked(path) {
			part := lost[at.String()]
			if part.path == nil {
				part.path = at.Copy()
			}
			part.fields++
			lost[at.String()] = part
		}
	})
	return lost
}

// lostPart is a place where something is lost.
type lostPart struct {
	path   fieldpath.Path
	fields int
}

// mayOwn leaves out the metadata, which no schema prunes, and what old API servers
// attributed to those who cannot write it: the status where it has its own endpoint.
func (o *owner) mayOwn(path fieldpath.Path) bool {
	if len(path) == 0 || path[0].FieldName == nil {
		return false
	}
	switch name := *path[0].FieldName; {
	case isMeta(name):
		return false
	case name == "status":
		return !o.version.OwnStatus() || o.Subresource == "status"
	}
	return !o.version.OwnStatus() || o.Subresource != "status"
}

func askFieldLoss(in *audit.Input) []audit.Question {
	var questions []audit.Question
	if in.Offline {
		return nil
	}
	for _, o := range owners(in) {
		if o.converted && len(o.absent(in.Object.Object)) > 0 {
			questions = append(questions, o.question(in))
		}
	}
	return questions
}

// question asks for the object as the owner wrote it.
func (o *owner) question(in *audit.Input) audit.Question {
	return audit.Question{
		Group: in.CRD.Spec.Group, Version: o.version.Name, Resource: in.CRD.Spec.Names.Plural,
		Namespace: in.Object.GetNamespace(), Name: in.Object.GetName(), Whole: true,
	}
}

func checkFieldLoss(in *audit.Input) ([]audit.Finding, error) {
	losses := map[string]*loss{}
	var unknown []error
	for _, o := range owners(in) {
		lost := o.absent(in.Object.Object)
		if o.converted && len(lost) > 0 {
			object, err := o.read(in)
			unknown = append(unknown, err)
			if object == nil {
				continue
			}
			lost = o.absent(object)
		}
		unknown = append(unknown, o.judge(in, lost, losses))
	}
	var findings []audit.Finding
	for _, l := range losses {
		findings = append(findings, l.finding(in))
	}
	return findings, errors.Join(unknown...)
}

// read returns the object in the owner's version; nil without an error if it was not
// to be had, for a reason that does not matter or will not last.
func (o *owner) read(in *audit.Input) (map[string]any, error) {
	if in.Offline {
		return nil, nil
	}
	a := in.Answer(o.question(in))
	switch a.Outcome {
	case audit.Found:
		if len(a.Objects) == 0 {
			return nil, nil
		}
		read := unstructured.Unstructured{Object: a.Objects[0]}
		if read.GetResourceVersion() != in.Object.GetResourceVersion() {
			return nil, nil // it changed since, and will be judged again
		}
		return read.Object, nil
	case audit.Unknown:
		return nil, fmt.Errorf("reading the object in version %s, in which fields of it were set: %s", o.version.Name, a.Message)
	}
	return nil, nil
}

// loss is a place where fields are lost, and who set them.
type loss struct {
	path     fieldpath.Path
	version  string
	fields   int
	declared bool
	managers []string
	last     time.Time
}

// judge adds what an owner lost.
func (o *owner) judge(in *audit.Input, lost map[string]lostPart, losses map[string]*loss) error {
	structural, err := o.version.Structural()
	if err != nil {
		return fmt.Errorf("telling what of the fields of manager %q is lost: %w", o.Manager, err)
	}
	for key, part := range lost {
		declared := declares(in.CRD, structural, part.path)
		dropped, err := o.version.Drops(part.path)
		if err != nil {
			return err
		}
		if dropped || declared && o.mayBeNull(in, part.path) {
			continue
		}
		l := losses[key]
		if l == nil {
			l = &loss{path: part.path, version: o.version.Name, declared: declared}
			losses[key] = l
		}
		l.fields = max(l.fields, part.fields)
		l.managers = append(l.managers, o.Manager)
		if o.Time.After(l.last) {
			l.last = o.Time
		}
	}
	return nil
}

// mayBeNull reports whether a field that is absent was perhaps applied as null: the
// API server drops the null, but the manager still owns it. It cannot be told from
// a lost one, if no version that is known would have pruned the field.
func (o *owner) mayBeNull(in *audit.Input, path fieldpath.Path) bool {
	if o.Operation != "Apply" {
		return false
	}
	return prunedBy(in.CRD, path) == "" && (in.Earlier == nil || prunedBy(in.Earlier, path) == "")
}

// prunedBy is the first version that does not have a field; empty if all do.
func prunedBy(crd *audit.CRD, path fieldpath.Path) string {
	for i := range crd.Spec.Versions {
		name := crd.Spec.Versions[i].Name
		if s, err := crd.Version(name).Structural(); err == nil && !declares(crd, s, path) {
			return name
		}
	}
	return ""
}

func (l *loss) finding(in *audit.Input) audit.Finding {
	what := "it"
	if l.fields > 1 {
		what = "fields in it"
	}
	set := fmt.Sprintf("%s set %s", managers(l.managers), what)
	f := audit.Finding{Path: renderPath(l.path)}
	switch changed := in.Object.Changed(); {
	case l.declared:
		f.Message = fmt.Sprintf("%s, and the schema of version %s has it, but the object has nothing there: what was set is lost already", set, l.version)
		if poorer := prunedBy(in.CRD, l.path); poorer != "" {
			f.Message += fmt.Sprintf(" (version %s does not have the field: storing or writing the object in that version drops it)", poorer)
		}
	case changed.After(in.CRD.Edited()):
		f.Message = fmt.Sprintf("%s, but the schema of version %s does not have it any more, and the object was written since, at %s: what was set is most likely lost already", set, l.version, stamp(changed))
		f.Summary = fmt.Sprintf("%s, but the schema of version %s does not have it any more, and the object was written since: what was set is most likely lost already", set, l.version)
	default:
		f.Since = in.CRD.Edited()
		f.Message = fmt.Sprintf("%s, but the schema of version %s does not have it any more: the API server shows it no more, and the next write of the object destroys what is stored of it", set, l.version)
	}
	return f
}

// managers names those who set something.
func managers(names []string) string {
	each := quoted(names)
	if len(each) == 1 {
		return "manager " + each[0]
	}
	return "managers " + enumerate(each)
}
