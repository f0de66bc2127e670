package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// maxNamed is how many others a message names.
const maxNamed = 5

func nameCollision() audit.Rule {
	return audit.Rule{
		ID: "CRD018", Name: "name-collision", Severity: audit.Low, About: audit.AboutCRD, Doc: doc("CRD018"),
		Remediation: "Write PLURAL.GROUP where the name alone is ambiguous (kubectl, RBAC examples, scripts); a short name can be dropped from the CRD.",
		Check:       checkNameCollision,
	}
}

func checkNameCollision(in *audit.Input) ([]audit.Finding, error) {
	names := in.CRD.Spec.Names
	others := rivals(in)
	var findings []audit.Finding
	// Who has the plural has the kind and the singular mostly, too: that is said once.
	said := map[string]bool{}
	add := func(path, name string, has func(*audit.Peer) bool) {
		if f := collision(path, name, others, said, has); f != nil {
			findings = append(findings, *f)
		}
	}
	byName := func(name string) func(*audit.Peer) bool {
		return func(p *audit.Peer) bool { return slices.Contains(typed(p), strings.ToLower(name)) }
	}
	add(".spec.names.plural", names.Plural, byName(names.Plural))
	add(".spec.names.singular", names.Singular, byName(names.Singular))
	add(".spec.names.kind", names.Kind, func(p *audit.Peer) bool { return p.Kind == names.Kind })
	// Short names are chosen by hand, so each is told of whatever else is equal.
	for _, short := range slices.Sorted(slices.Values(names.ShortNames)) {
		clear(said)
		add(fmt.Sprintf(".spec.names.shortNames[%q]", short), short, byName(short))
	}
	if len(in.Peers) == 0 && !in.Offline {
		return findings, errors.New("comparing names: the other CRDs of the cluster are not known")
	}
	return findings, nil
}

// rivals are the resources of others that have one of the CRD's names: those of
// Kubernetes, and CRDs of other organisations. One organisation that has a kind in two
// groups is moving it, or has families of APIs that are alike on purpose.
//
// Nearly all of thousands of peers have another name, which is therefore asked first.
func rivals(in *audit.Input) []audit.Peer {
	own, names := organisation(in.CRD.Spec.Group), namesOf(in.CRD)
	others := slices.DeleteFunc(builtins(), func(p audit.Peer) bool { return !names.has(&p) })
	for i := range in.Peers {
		if p := &in.Peers[i]; names.has(p) && p.CRD != in.CRD.Name && organisation(p.Group) != own {
			others = append(others, *p)
		}
	}
	slices.SortFunc(others, func(a, b audit.Peer) int {
		return cmp.Or(strings.Compare(a.Plural, b.Plural), strings.Compare(a.Group, b.Group))
	})
	return others
}

// ownNames are the names of a CRD.
type ownNames struct {
	kind  string
	typed map[string]bool
}

func namesOf(crd *audit.CRD) ownNames {
	n := ownNames{kind: crd.Spec.Names.Kind, typed: map[string]bool{}}
	for _, name := range append([]string{crd.Spec.Names.Plural, crd.Spec.Names.Singular}, crd.Spec.Names.ShortNames...) {
		n.typed[strings.ToLower(name)] = true
	}
	return n
}

// has reports whether a resource has one of the names.
func (n ownNames) has(p *audit.Peer) bool {
	return p.Kind == n.kind || n.typed[p.Plural] || n.typed[p.Singular] ||
		slices.ContainsFunc(p.ShortNames, func(short string) bool { return n.typed[short] })
}

// typed are the names by which a resource is asked for.
func typed(p *audit.Peer) []string {
	return append([]string{p.Plural, p.Singular}, p.ShortNames...)
}

// collision tells of the rivals that have a name too, but for those that were named
// before.
func collision(path, name string, others []audit.Peer, said map[string]bool, has func(*audit.Peer) bool) *audit.Finding {
	var found []string
	for i := range others {
		p := &others[i]
		if title := qualified(p); name != "" && has(p) && !said[title] {
			said[title] = true
			found = append(found, title)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &audit.Finding{Path: path, Message: fmt.Sprintf(
		"%q also means %s; with the name alone kubectl shows one of them and does not say which", name, atMost(maxNamed, found))}
}

// qualified is how a resource is asked for without doubt.
func qualified(p *audit.Peer) string {
	if p.Group == "" {
		return "the core resource " + p.Plural
	}
	return p.Plural + "." + p.Group
}
