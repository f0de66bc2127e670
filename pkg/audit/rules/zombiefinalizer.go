package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	// zombieDeletion: the deletion of databases and clusters takes hours.
	zombieDeletion = audit.Threshold[time.Duration]{
		Name: "deleting", Default: 24 * time.Hour, Doc: "how long the finalizer's manager may be silent while it keeps a deletion waiting",
	}
	zombieSilence = audit.Threshold[time.Duration]{
		Name: "silent", Default: 30 * 24 * time.Hour, Doc: "how long it may be silent while nothing is being deleted",
	}
)

func zombieFinalizer() audit.Rule {
	return audit.Rule{
		ID: "CR016", Name: "zombie-finalizer", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR016"),
		Remediation: "Make sure that the software which set the finalizer is gone for good, clean up what it left outside of the cluster, then remove the finalizer.",
		Check:       checkZombieFinalizer,
		Thresholds:  []audit.Adjustable{zombieDeletion, zombieSilence},
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
		if f := zombie(in, finalizer, domain); f != nil {
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
func zombie(in *audit.Input, finalizer, domain string) *audit.Finding {
	o := in.Object
	owner, last := finalizerOwner(o, finalizer, domain)
	deleted := o.GetDeletionTimestamp()
	if owner != "" && writesStatus(o, owner) {
		return nil
	}
	f := &audit.Finding{Path: fmt.Sprintf(".metadata.finalizers[%q]", finalizer)}
	switch {
	case deleted != nil:
		f.Since = deleted.Time
		patience := zombieDeletion.In(in)
		f.Due = later(deleted.Time, last).Add(patience)
		f.Summary = fmt.Sprintf("finalizer %q has kept the object from being deleted for over %s, and no CRD of %s is installed", finalizer, lasting(patience), domain)
		f.Message = fmt.Sprintf("finalizer %q has kept the object from being deleted since %s, and no CRD of %s is installed; %s", finalizer, stamp(deleted.Time), domain, silence(owner, last))
	case owner != "" && !last.IsZero() && foreign(o, owner):
		f.Severity = audit.Low
		f.Since = last
		patience := zombieSilence.In(in)
		f.Due = last.Add(patience)
		f.Summary = fmt.Sprintf("finalizer %q will keep the object from being deleted: no CRD of %s is installed, and who set it has been silent for over %s", finalizer, domain, lasting(patience))
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
	owner = finalizerManager(o, finalizer)
	name, _, _ := strings.Cut(domain, ".")
	return owner, lastWriteBy(o, func(manager string) bool { return manager == owner || strings.Contains(manager, name) })
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
	return !slices.ContainsFunc(o.Entries(), func(e audit.Entry) bool { return e.Manager == manager && ownsBeyond(e, "metadata") })
}
