package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// rbacOptions are the flags of crdwatch rbac.
type rbacOptions struct {
	*globals
	selection selection
	name      string
	account   string
	check     bool
}

func newRBACCommand(g *globals) *cobra.Command {
	o := &rbacOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print a least-privilege ClusterRole for this cluster, as YAML",
		Long: `Print a ClusterRole that lets crdwatch read the custom resources which the
cluster has now, each by its name: get, list and watch, no wildcards, nothing
of the core group. It may also ask the API server who calls the report endpoint
(TokenReview) and what they may read (SubjectAccessReview), and look at
EndpointSlices and StorageVersionMigrations for the audit. Print it again when
types are installed.

With -n a Role for the objects of that namespace is printed, and a ClusterRole
for the rest. With --service-account the bindings come with it. With --check
nothing is printed but what that account may not do; the exit code is 1 if that
is anything.

Some of the audit needs the core group: services (CRD001) and namespaces
(CRD009, and the identity of the cluster for a history on disk). What crdwatch
may not read there is reported as not evaluated. Grant it by a role of your own
if you want it.`,
		Example: `  crdwatch rbac --service-account crdwatch/crdwatch | kubectl apply -f -
  crdwatch rbac -n web --name crdwatch-web
  crdwatch rbac --check --service-account crdwatch/crdwatch`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.selection.namespace = *g.connection.Namespace
			if err := o.validate(); err != nil {
				return usagef(cmd, "%w", err)
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "crdwatch", "Name of the roles and bindings")
	flags.StringVar(&o.account, "service-account", "", "Bind the roles to this service account: NAMESPACE/NAME")
	flags.BoolVar(&o.check, "check", false, "Say what --service-account may not do of it")
	flags.StringArrayVar(&o.selection.groups, "group", nil, "Only types whose plural.group matches this glob; can be repeated")
	flags.StringArrayVar(&o.selection.excludes, "exclude", nil, "No types whose plural.group matches this glob; can be repeated")
	return cmd
}

func (o *rbacOptions) validate() error {
	if errs := validation.NameIsDNSSubdomain(o.name, false); len(errs) > 0 {
		return fmt.Errorf("--name: %q: %s", o.name, strings.Join(errs, "; "))
	}
	if o.check && o.account == "" {
		return errors.New("--check: say for whom, with --service-account NAMESPACE/NAME")
	}
	if o.account != "" {
		if _, _, err := o.subject(); err != nil {
			return err
		}
	}
	return o.selection.validate()
}

// subject is the service account.
func (o *rbacOptions) subject() (namespace, name string, err error) {
	namespace, name, ok := strings.Cut(o.account, "/")
	if !ok || len(validation.ValidateNamespaceName(namespace, false)) > 0 || len(validation.ValidateServiceAccountName(name, false)) > 0 {
		return "", "", fmt.Errorf("--service-account: %q is no NAMESPACE/NAME", o.account)
	}
	return namespace, name, nil
}

func (o *rbacOptions) run(ctx context.Context) error {
	clients, err := o.connect(ctx)
	if err != nil {
		return err
	}
	set, err := watch.ListCRDs(ctx, clients)
	if err != nil {
		return err
	}
	chosen, err := o.selection.resolve(set)
	if err != nil {
		return err
	}
	var types []discovery.Resource
	for _, r := range set.Sorted() {
		if _, wanted := chosen.selector(r); wanted && r.GVR.Version != "" {
			types = append(types, r)
		}
	}
	p := privilegesFor(types, o.selection.namespace)
	if o.check {
		return o.report(ctx, clients, p)
	}
	return o.print(p)
}

func (o *rbacOptions) print(p privileges) error {
	objects := p.roles(o.name)
	if o.account != "" {
		namespace, name, err := o.subject()
		if err != nil {
			return err
		}
		objects = append(objects, p.bindings(o.name, namespace, name)...)
	}
	for _, obj := range objects {
		text, err := yaml.Marshal(obj)
		if err != nil {
			return fmt.Errorf("encoding a role: %w", err)
		}
		if _, err := fmt.Fprintf(o.streams.out, "---\n%s", text); err != nil {
			return writing(err)
		}
	}
	return nil
}

// report asks the API server about every single privilege.
func (o *rbacOptions) report(ctx context.Context, clients *watch.Clients, p privileges) error {
	namespace, name, err := o.subject()
	if err != nil {
		return err
	}
	user := "system:serviceaccount:" + namespace + ":" + name
	spec := authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	asked, missing := 0, 0
	for a := range p.each() {
		allowed, err := mayDo(ctx, clients, spec, a)
		if err != nil {
			return err
		}
		if asked++; allowed {
			continue
		}
		missing++
		if _, err := fmt.Fprintln(o.streams.out, describeAccess(user, a)); err != nil {
			return writing(err)
		}
	}
	if missing > 0 {
		return &exitError{exitFindings, fmt.Errorf("%s lacks %d of %d privileges: crdwatch rbac --service-account %s | kubectl apply -f - grants them", user, missing, asked, o.account)}
	}
	o.say("%s has all %d privileges", user, asked)
	return nil
}

func (o *rbacOptions) say(format string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(o.streams.err, format+"\n", args...)
	}
}

// describeAccess is a sentence as the API server has it.
func describeAccess(user string, a authorizationv1.ResourceAttributes) string {
	where := "at the cluster scope"
	if a.Namespace != "" {
		where = fmt.Sprintf("in the namespace %q", a.Namespace)
	}
	return fmt.Sprintf("%s cannot %s resource %q in API group %q %s", user, a.Verb, a.Resource, a.Group, where)
}

func mayDo(ctx context.Context, clients *watch.Clients, spec authorizationv1.SubjectAccessReviewSpec, a authorizationv1.ResourceAttributes) (bool, error) {
	spec.ResourceAttributes = &a
	review := &authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"}, Spec: spec,
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(review)
	if err != nil {
		return false, fmt.Errorf("encoding a review: %w", err)
	}
	answer, err := clients.Reviews().Resource(authorizationv1.SchemeGroupVersion.WithResource("subjectaccessreviews")).
		Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking the API server what %s may do: %w", spec.User, err)
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	if err != nil {
		return false, fmt.Errorf("decoding what %s may do: %w", spec.User, err)
	}
	return allowed, nil
}
