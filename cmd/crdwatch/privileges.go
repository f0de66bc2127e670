package main

import (
	"iter"
	"maps"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// privileges are what crdwatch needs in a cluster.
type privileges struct {
	// namespace is the only one whose objects are read; empty for all.
	namespace string
	// cluster are needed in the whole cluster, local in the namespace.
	cluster, local []rbacv1.PolicyRule
}

// privilegesFor names each type, and what serving and auditing need beside. The objects
// of the types are read in one namespace, if one is given.
func privilegesFor(types []discovery.Resource, namespace string) privileges {
	p := privileges{namespace: namespace}
	everywhere, within := map[string][]string{}, map[string][]string{}
	for _, r := range types {
		rules := everywhere
		if namespace != "" && r.Namespaced {
			rules = within
		}
		rules[r.GVR.Group] = append(rules[r.GVR.Group], r.GVR.Resource)
	}
	crds := discovery.CRDs().GVR
	everywhere[crds.Group] = append(everywhere[crds.Group], crds.Resource)
	for _, r := range [][2]string{{"discovery.k8s.io", "endpointslices"}, {"storagemigration.k8s.io", "storageversionmigrations"}} {
		everywhere[r[0]] = append(everywhere[r[0]], r[1])
	}
	p.cluster, p.local = reading(everywhere), reading(within)
	for _, r := range [][2]string{{"authentication.k8s.io", "tokenreviews"}, {"authorization.k8s.io", "subjectaccessreviews"}} {
		p.cluster = append(p.cluster, rbacv1.PolicyRule{APIGroups: []string{r[0]}, Resources: []string{r[1]}, Verbs: []string{"create"}})
	}
	return p
}

// reading makes one rule for each group.
func reading(groups map[string][]string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		slices.Sort(groups[group])
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{group}, Resources: slices.Compact(groups[group]), Verbs: []string{"get", "list", "watch"},
		})
	}
	return rules
}

// roles are the ClusterRole, and the Role where there is a namespace.
func (p privileges) roles(name string) []any {
	roles := []any{&rbacv1.ClusterRole{TypeMeta: rbacType("ClusterRole"), ObjectMeta: roleMeta(name, ""), Rules: p.cluster}}
	if p.namespace == "" {
		return roles
	}
	return append(roles, &rbacv1.Role{TypeMeta: rbacType("Role"), ObjectMeta: roleMeta(name, p.namespace), Rules: p.local})
}

// bindings give the roles of a name to a service account.
func (p privileges) bindings(name, namespace, account string) []any {
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}}
	all := []any{&rbacv1.ClusterRoleBinding{
		TypeMeta: rbacType("ClusterRoleBinding"), ObjectMeta: roleMeta(name, ""), Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}}
	if p.namespace == "" {
		return all
	}
	return append(all, &rbacv1.RoleBinding{
		TypeMeta: rbacType("RoleBinding"), ObjectMeta: roleMeta(name, p.namespace), Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
	})
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

func roleMeta(name, namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/name": "crdwatch"}}
}

// each yields every single privilege.
func (p privileges) each() iter.Seq[authorizationv1.ResourceAttributes] {
	return func(yield func(authorizationv1.ResourceAttributes) bool) {
		for _, rules := range []struct {
			namespace string
			rules     []rbacv1.PolicyRule
		}{{"", p.cluster}, {p.namespace, p.local}} {
			for _, r := range rules.rules {
				for _, a := range expand(r, rules.namespace) {
					if !yield(a) {
						return
					}
				}
			}
		}
	}
}

func expand(r rbacv1.PolicyRule, namespace string) []authorizationv1.ResourceAttributes {
	var all []authorizationv1.ResourceAttributes
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			for _, verb := range r.Verbs {
				all = append(all, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: group, Resource: resource})
			}
		}
	}
	return all
}
