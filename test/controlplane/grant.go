package controlplane

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// grantLabel marks what Grant made, with a hash of the user's name as its value:
// names such as system:serviceaccount:ns:name are no label values.
const grantLabel = "controlplane.crdwatch.test/grant"

// Grant lets the user do what the rules say in the whole cluster, by a
// ClusterRole and its binding. It adds to earlier grants, and blocks until the
// API server's authorizer knows the rules that name resources.
func (c *ControlPlane) Grant(ctx context.Context, user string, rules ...rbacv1.PolicyRule) error {
	meta := grantMeta(user, "", rules)
	roles, bindings := c.kube.RbacV1().ClusterRoles(), c.kube.RbacV1().ClusterRoleBindings()
	_, err := roles.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("granting to %s: %w", user, err)
	}
	_, err = bindings.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		Subjects:   subjects(user),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("granting to %s: %w", user, err)
	}
	return c.waitAllowed(ctx, user, "", rules)
}

// GrantRole is Grant for one namespace, by a Role and its binding.
func (c *ControlPlane) GrantRole(ctx context.Context, namespace, user string, rules ...rbacv1.PolicyRule) error {
	meta := grantMeta(user, namespace, rules)
	roles, bindings := c.kube.RbacV1().Roles(namespace), c.kube.RbacV1().RoleBindings(namespace)
	_, err := roles.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("granting to %s in %s: %w", user, namespace, err)
	}
	_, err = bindings.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   subjects(user),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("granting to %s in %s: %w", user, namespace, err)
	}
	return c.waitAllowed(ctx, user, namespace, rules)
}

// Revoke takes back all that Grant and GrantRole gave to the user. The
// authorizer follows within a moment: poll for what depends on it.
func (c *ControlPlane) Revoke(ctx context.Context, user string) error {
	rbac := c.kube.RbacV1()
	own := metav1.ListOptions{LabelSelector: grantLabel + "=" + hash(user)}
	errs := []error{
		rbac.ClusterRoleBindings().DeleteCollection(ctx, metav1.DeleteOptions{}, own),
		rbac.ClusterRoles().DeleteCollection(ctx, metav1.DeleteOptions{}, own),
	}
	bindings, err := rbac.RoleBindings("").List(ctx, own)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, b := range bindings.Items {
		errs = append(errs,
			rbac.RoleBindings(b.Namespace).Delete(ctx, b.Name, metav1.DeleteOptions{}),
			rbac.Roles(b.Namespace).Delete(ctx, b.Name, metav1.DeleteOptions{}))
	}
	return errors.Join(errs...)
}

// grantMeta names a grant by what it says, so that granting twice is granting
// once.
func grantMeta(user, namespace string, rules []rbacv1.PolicyRule) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      "grant-" + hash(user, rules),
		Namespace: namespace,
		Labels:    map[string]string{grantLabel: hash(user)},
	}
}

func hash(values ...any) string {
	// Marshalling strings and rules cannot fail.
	data, _ := json.Marshal(values)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

func subjects(user string) []rbacv1.Subject {
	return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
}

// waitAllowed asks for one access of each rule: the authorizer reads roles
// through informers and learns a grant as a whole, some milliseconds late.
func (c *ControlPlane) waitAllowed(ctx context.Context, user, namespace string, rules []rbacv1.PolicyRule) error {
	for _, rule := range rules {
		if len(rule.Verbs) == 0 || len(rule.APIGroups) == 0 || len(rule.Resources) == 0 {
			continue
		}
		resource, subresource, _ := strings.Cut(rule.Resources[0], "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0],
				Resource: resource, Subresource: subresource,
			},
		}}
		if len(rule.ResourceNames) > 0 {
			review.Spec.ResourceAttributes.Name = rule.ResourceNames[0]
		}
		err := wait.PollUntilContextTimeout(ctx, servedPoll, servedDeadline, true, func(ctx context.Context) (bool, error) {
			answer, err := c.kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
			return err == nil && answer.Status.Allowed, err
		})
		if err != nil {
			return fmt.Errorf("waiting for the grant to %s: %w", user, err)
		}
	}
	return nil
}
