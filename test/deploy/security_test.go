package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"k8s.io/utils/ptr"
)

func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			p := pod(t, typed(t, render(t, values)))
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &p.ObjectMeta, &p.Spec))
			if !result.Allowed {
				t.Errorf("pod security refuses it: %s", result.ForbiddenDetail())
			}
			if id := ptr.Deref(p.Spec.SecurityContext.RunAsUser, 0); id != 65532 {
				t.Errorf("it runs as %d", id)
			}
			for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
				requireConfined(t, &c)
			}
		})
	}
}

// requireConfined wants what pod security does not ask for.
func requireConfined(t *testing.T, c *corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || !ptr.Deref(s.ReadOnlyRootFilesystem, false) || ptr.Deref(s.Privileged, false) || !ptr.Deref(s.RunAsNonRoot, false) {
		t.Errorf("%s: security context %+v", c.Name, s)
	}
	for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if q := c.Resources.Requests[r]; q.IsZero() {
			t.Errorf("%s: requests no %s", c.Name, r)
		}
	}
	if c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: has no memory limit", c.Name)
	}
	limit := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.ValueFrom != nil && e.ValueFrom.ResourceFieldRef != nil && e.ValueFrom.ResourceFieldRef.Resource == "limits.memory"
	})
	// A variable is known to those after it only.
	if limit < 0 || !slices.ContainsFunc(c.Env[limit+1:], func(e corev1.EnvVar) bool {
		return e.Name == "GOMEMLIMIT" && strings.HasPrefix(e.Value, "$("+c.Env[limit].Name+")")
	}) {
		t.Errorf("%s: GOMEMLIMIT does not follow from the memory limit: %+v", c.Name, c.Env)
	}
}

func TestProbes(t *testing.T) {
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			p := pod(t, typed(t, render(t, values)))
			// 10 s for the report server, 1 s for the probes, and the history is closed.
			if grace := ptr.Deref(p.Spec.TerminationGracePeriodSeconds, 0); grace <= 15 {
				t.Errorf("it is killed after %d s, and may take 15 to end", grace)
			}
			c := p.Spec.Containers[0]
			for path, probe := range map[string]*corev1.Probe{"/startupz": c.StartupProbe, "/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || portOf(&c, probe.HTTPGet.Port.StrVal) != 8081 {
					t.Errorf("%s: probe %+v", path, probe)
				}
			}
			if c.LivenessProbe.FailureThreshold != 3 || c.ReadinessProbe.FailureThreshold != 3 {
				t.Errorf("thresholds %d and %d, want 3", c.LivenessProbe.FailureThreshold, c.ReadinessProbe.FailureThreshold)
			}
		})
	}
}

func portOf(c *corev1.Container, name string) int32 {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

// TestEverythingMeetsThePods: what selects pods selects these, and names ports that they have.
func TestEverythingMeetsThePods(t *testing.T) {
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			objects := typed(t, render(t, values))
			p := pod(t, objects)
			for what, selector := range selectors(objects) {
				s, err := metav1.LabelSelectorAsSelector(selector)
				if err != nil {
					t.Fatal(err)
				}
				if s.Empty() || !s.Matches(labels.Set(p.Labels)) {
					t.Errorf("%s selects %s, the pods are %v", what, s, p.Labels)
				}
			}
			for _, s := range of[*corev1.Service](objects) {
				for _, port := range s.Spec.Ports {
					if portOf(&p.Spec.Containers[0], port.TargetPort.StrVal) != 8443 {
						t.Errorf("port %s of the Service leads nowhere", port.Name)
					}
				}
			}
			requireVolumes(t, objects, p)
		})
	}
}

func selectors(objects []runtime.Object) map[string]*metav1.LabelSelector {
	found := map[string]*metav1.LabelSelector{}
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.StatefulSet:
			found["StatefulSet"] = o.Spec.Selector
		case *appsv1.Deployment:
			found["Deployment"] = o.Spec.Selector
		case *corev1.Service:
			found["Service"] = &metav1.LabelSelector{MatchLabels: o.Spec.Selector}
		case *policyv1.PodDisruptionBudget:
			found["PodDisruptionBudget"] = o.Spec.Selector
		case *networkingv1.NetworkPolicy:
			found["NetworkPolicy"] = &o.Spec.PodSelector
		}
	}
	return found
}

// requireVolumes wants each mount to have its volume, and the service account of the pod
// to be there.
func requireVolumes(t *testing.T, objects []runtime.Object, p *corev1.PodTemplateSpec) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range p.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, s := range of[*appsv1.StatefulSet](objects) {
		for _, c := range s.Spec.VolumeClaimTemplates {
			volumes[c.Name] = true
		}
	}
	for _, m := range p.Spec.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("there is no volume %s", m.Name)
		}
	}
	if !slices.ContainsFunc(of[*corev1.ServiceAccount](objects), func(a *corev1.ServiceAccount) bool { return a.Name == p.Spec.ServiceAccountName }) {
		t.Errorf("there is no service account %s", p.Spec.ServiceAccountName)
	}
}

func TestRolesGrantLittle(t *testing.T) {
	all := variants(t)
	all["printed"] = map[string]any{"rbac": map[string]any{"clusterRole": printed}}
	for name, values := range all {
		t.Run(name, func(t *testing.T) {
			for _, role := range of[*rbacv1.ClusterRole](typed(t, render(t, values))) {
				for _, rule := range role.Rules {
					requireLittle(t, role.Name, rule)
				}
			}
		})
	}
}

func requireLittle(t *testing.T, role string, r rbacv1.PolicyRule) {
	t.Helper()
	if len(r.NonResourceURLs) > 0 {
		if fmt.Sprint(r.NonResourceURLs, r.Verbs) != "[/metrics] [get]" {
			t.Errorf("%s: %v", role, r)
		}
		return
	}
	for _, name := range slices.Concat(r.APIGroups, r.Resources, r.Verbs) {
		if name == "" || strings.Contains(name, "*") || name == "secrets" {
			t.Errorf("%s: %v", role, r)
		}
	}
	reviews := []string{"tokenreviews", "subjectaccessreviews"}
	for _, verb := range r.Verbs {
		if !slices.Contains([]string{"get", "list", "watch"}, verb) && (verb != "create" || !slices.Contains(reviews, r.Resources[0])) {
			t.Errorf("%s may %s %v", role, verb, r.Resources)
		}
	}
}

// printed is what crdwatch rbac --service-account prints, in short.
const printed = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: crdwatch
rules:
- apiGroups:
  - apiextensions.k8s.io
  resources:
  - customresourcedefinitions
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - example.com
  resources:
  - gadgets
  - widgets
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - authentication.k8s.io
  resources:
  - tokenreviews
  verbs:
  - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: crdwatch
`

// TestPrintedRoleIsGranted: what crdwatch rbac names is granted, and what the chart grants
// anyway is there once.
func TestPrintedRoleIsGranted(t *testing.T) {
	values := map[string]any{"rbac": map[string]any{"clusterRole": printed}}
	roles := of[*rbacv1.ClusterRole](typed(t, render(t, values)))
	if len(roles) != 1 {
		t.Fatalf("got %d roles, want 1", len(roles))
	}
	granted := map[string]int{}
	for _, r := range roles[0].Rules {
		for _, resource := range r.Resources {
			granted[resource]++
		}
	}
	want := []string{
		"customresourcedefinitions", "endpointslices", "gadgets", "storageversionmigrations", "subjectaccessreviews", "tokenreviews", "widgets",
	}
	for _, resource := range want {
		if granted[resource] != 1 {
			t.Errorf("%s is granted %d times", resource, granted[resource])
		}
	}
	if len(granted) != len(want) {
		t.Errorf("granted are %v, want %v", granted, want)
	}
}

func TestRulesThatGrantMuchAreRefused(t *testing.T) {
	role := func(group, resource, verb string) string {
		return fmt.Sprintf("rbac:\n  clusterRole: |\n    kind: ClusterRole\n    rules:\n    - {apiGroups: [%q], resources: [%q], verbs: [%q]}\n", group, resource, verb)
	}
	rules := func(group, resource, verb string) string {
		return fmt.Sprintf("rbac:\n  rules:\n  - {apiGroups: [%q], resources: [%q], verbs: [%q]}\n", group, resource, verb)
	}
	for name, tc := range map[string]struct{ values, want string }{
		"all groups":            {role("*", "widgets", "get"), `"*"`},
		"core group":            {role("", "secrets", "get"), "core group"},
		"all resources":         {role("example.com", "*", "get"), `"*"`},
		"subresources of all":   {role("example.com", "*/status", "get"), `"*/status"`},
		"all verbs":             {role("example.com", "widgets", "*"), `"*"`},
		"writing":               {role("example.com", "widgets", "delete"), `"delete"`},
		"rules: all groups":     {rules("*", "widgets", "get"), "apiGroups"},
		"rules: core group":     {rules("", "secrets", "get"), "apiGroups"},
		"rules: all resources":  {rules("example.com", "*", "get"), "resources"},
		"rules: writing":        {rules("example.com", "widgets", "patch"), "verbs"},
		"one namespace":         {role("example.com", "widgets", "get") + "    ---\n    kind: Role\n    rules: []\n", "--namespace"},
		"no ClusterRole":        {"rbac: {clusterRole: \"kind: RoleBinding\"}", "no ClusterRole"},
		"not what rbac printed": {"rbac: {clusterRole: \"error: no kubeconfig\"}", "no ClusterRole"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, tc.values, tc.want)
		})
	}
}
