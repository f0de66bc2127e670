package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// zombieDeletion is how long a deletion waits, and the finalizer's manager is
	// silent, before nobody is expected to come. Databases and clusters take hours.
	zombieDeletion = 24 * time.Hour
	// zombieSilence is how long the manager of a finalizer is silent before it is
	// taken to be gone, while nothing is being deleted.
	zombieSilence = 30 * 24 * time.Hour
)

func zombieFinalizer() audit.Rule {
	return audit.Rule{
		ID: "CR016", Name: "zombie-finalizer", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR016"),
		Remediation: "Make sure that the software which set the finalizer is gone for good, clean up what it left outside of the cluster, then remove the finalizer.",
		Check:       checkZombieFinalizer,
	}
}

func checkZombieFinalizer(in *audit.Input) ([]audit.Finding, error) {
	if in.Offline {
		return nil, nil
	}
	var findings []audit.Finding
	for _, finalizer := range in.Object.GetFinalizers() {
		domain, ok := finalizerDomain(finalizer)
		if !ok {
			continue
		}
		if len(in.Peers) == 0 {
			return nil, errors.New("telling whose the finalizers are: the CRDs of the cluster are not known")
		}
		if installed(in.Peers, domain) {
			continue
		}
		if f := zombie(in.Object, finalizer, domain); f != nil {
			findings = append(findings, *f)
		}
	}
	return findings, nil
}

// finalizerDomain is the organisation's domain in a finalizer, such as strimzi.io in
// strimzi.io/topic-operator or kafka.strimzi.io. It is not ok without one (foregroundDeletion,
// orphan, kubernetes), and for those of Kubernetes itself.
func finalizerDomain(finalizer string) (string, bool) {
	domain, _, _ := strings.Cut(finalizer, "/")
	if !strings.Contains(strings.Trim(domain, "."), ".") {
		return "", false
	}
	if within(domain, "kubernetes.io") || within(domain, "k8s.io") {
		return "", false
	}
	return organisation(domain), true
}

// installed reports whether an organisation has CRDs in the cluster.
func installed(peers []audit.Peer, domain string) bool {
	return slices.ContainsFunc(peers, func(p audit.Peer) bool { return organisation(p.Group) == domain })
}

// zombie tells of a finalizer that nobody seems to take care of.
func zombie(o *audit.Object, finalizer, domain string) *audit.Finding {
	owner, last := finalizerOwner(o, finalizer, domain)
	deleted := o.GetDeletionTimestamp()
	if owner != "" && writesStatus(o, owner) {
		return nil
	}
	f := &audit.Finding{Path: fmt.Sprintf(".metadata.finalizers[%q]", finalizer)}
	switch {
	case deleted != nil:
		f.Since = deleted.Time
		f.Due = later(deleted.Time, last).Add(zombieDeletion)
		f.Summary = fmt.Sprintf("finalizer %q has kept the object from being deleted for over a day, and no CRD of %s is installed", finalizer, domain)
		f.Message = fmt.Sprintf("finalizer %q has kept the object from being deleted since %s, and no CRD of %s is installed; %s", finalizer, stamp(deleted.Time), domain, silence(owner, last))
	case owner != "" && !last.IsZero() && foreign(o, owner):
		f.Severity = audit.Low
		f.Since = last
		f.Due = last.Add(zombieSilence)
		f.Summary = fmt.Sprintf("finalizer %q will keep the object from being deleted: no CRD of %s is installed, and who set it has been silent for over 30 days", finalizer, domain)
		f.Message = fmt.Sprintf("finalizer %q will keep the object from being deleted: no CRD of %s is installed, and %s", finalizer, domain, silence(owner, last))
	default:
		return nil
	}
	return f
}

func silence(owner string, last time.Time) string {
	if owner == "" {
		return "no manager claims it"
	}
	return fmt.Sprintf("manager %q, which set it, has not written the object since %s", owner, stamp(last))
}

// finalizerOwner is the manager that set a finalizer, and when it wrote the object
// last. A manager with the organisation's name is taken for the same.
func finalizerOwner(o *audit.Object, finalizer, domain string) (owner string, last time.Time) {
	path := fieldpath.MakePathOrDie("metadata", "finalizers", value.NewValueInterface(finalizer))
	for _, e := range o.Entries() {
		if e.Fields != nil && e.Fields.Has(path) {
			owner = e.Manager
		}
	}
	name, _, _ := strings.Cut(domain, ".")
	for _, e := range o.Entries() {
		if e.Manager == owner || strings.Contains(e.Manager, name) {
			last = later(last, e.Time)
		}
	}
	return owner, last
}

// writesStatus reports whether a manager is the object's own controller, whatever its
// finalizer is called: operators made with the Helm SDK use operatorframework.io for
// kinds of any group. CR004 tells that such a one does not come.
func writesStatus(o *audit.Object, manager string) bool {
	return slices.ContainsFunc(o.Entries(), func(e audit.Entry) bool {
		return e.Manager == manager && (e.Subresource == "status" || e.Fields != nil && !e.Fields.WithPrefix(statusElement()).Empty())
	})
}

func statusElement() fieldpath.PathElement {
	name := "status"
	return fieldpath.PathElement{FieldName: &name}
}

// foreign reports whether a manager writes nothing of the object but metadata. One that
// writes the spec made the object, and may have put the finalizer there to protect it;
// one that writes the status is its controller, which is silent as long as nothing
// happens.
func foreign(o *audit.Object, manager string) bool {
	raw, _, _ := unstructured.NestedFieldNoCopy(o.Object, "metadata", "managedFields")
	list, _ := raw.([]any)
	for _, item := range list {
		entry, _ := item.(map[string]any)
		fields, _ := entry["fieldsV1"].(map[string]any)
		if entry["manager"] != manager {
			continue
		}
		for field := range fields {
			if field != "f:metadata" {
				return false
			}
		}
	}
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
