package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

func someTypes() []discovery.Resource {
	resource := func(group, plural string, namespaced bool) discovery.Resource {
		return discovery.Resource{GVR: schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural}, Namespaced: namespaced}
	}
	return []discovery.Resource{
		resource("example.com", "widgets", true), resource("example.com", "gadgets", true), resource("cluster.example.org", "nodes", false),
	}
}

func text(t *testing.T, objects []any) string {
	t.Helper()
	var out []string
	for _, obj := range objects {
		b, err := yaml.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return strings.Join(out, "---\n")
}

const wholeCluster = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  labels:
    app.kubernetes.io/name: crdwatch
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
  - cluster.example.org
  resources:
  - nodes
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
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
  - storagemigration.k8s.io
  resources:
  - storageversionmigrations
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
- apiGroups:
  - authorization.k8s.io
  resources:
  - subjectaccessreviews
  verbs:
  - create
`

func TestRoles(t *testing.T) {
	if d := cmp.Diff(wholeCluster, text(t, privilegesFor(someTypes(), "").roles("crdwatch"))); d != "" {
		t.Error(d)
	}
	p := privilegesFor(someTypes(), "web")
	objects := append(p.roles("mine"), p.bindings("mine", "ops", "watcher")...)
	if len(objects) != 4 {
		t.Fatalf("%d objects", len(objects))
	}
	role := text(t, objects[1:2])
	if !strings.Contains(role, "kind: Role\n") || !strings.Contains(role, "namespace: web\n") || !strings.Contains(role, "- gadgets\n  - widgets\n") || strings.Contains(role, "nodes") {
		t.Error(role)
	}
	if got := text(t, objects[:1]); strings.Contains(got, "widgets") {
		t.Errorf("a ClusterRole for the objects of one namespace:\n%s", got)
	}
	bindings := text(t, objects[2:])
	if strings.Count(bindings, "name: watcher\n") != 2 || strings.Count(bindings, "namespace: ops\n") != 2 {
		t.Error(bindings)
	}
}

// TestRolesAreNarrow: reading, and the two questions; no wildcards, no core group.
func TestRolesAreNarrow(t *testing.T) {
	n := 0
	for a := range privilegesFor(someTypes(), "web").each() {
		n++
		reads := a.Verb == "get" || a.Verb == "list" || a.Verb == "watch"
		asks := a.Verb == "create" && (a.Resource == "tokenreviews" || a.Resource == "subjectaccessreviews")
		if !reads && !asks || a.Group == "" || strings.Contains(a.Group+a.Resource+a.Verb, "*") {
			t.Errorf("%+v", a)
		}
	}
	if n != 6*3+2 {
		t.Errorf("%d privileges", n)
	}
}

func TestRBACFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"check for nobody":  {[]string{"--check"}, "--check: say for whom, with --service-account NAMESPACE/NAME"},
		"bad account":       {[]string{"--service-account", "crdwatch"}, `--service-account: "crdwatch" is no NAMESPACE/NAME`},
		"bad role name":     {[]string{"--name", "a b"}, `--name: "a b"`},
		"arguments":         {[]string{"widgets"}, "takes no arguments"},
		"a glob is no glob": {[]string{"--group", "["}, "is no valid glob"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := run(t.Context(), append([]string{"rbac"}, test.args...), strings.NewReader(""), &stdout, &stderr)
			if code != exitUsage || !strings.Contains(stderr.String(), test.want) || stdout.String() != "" {
				t.Errorf("exit %d, %q, %q", code, stderr.String(), stdout.String())
			}
		})
	}
}

func TestAccessFlags(t *testing.T) {
	for name, test := range map[string]struct {
		access  accessOptions
		address string
		want    string
	}{
		"loopback for anybody": {accessOptions{auth: "none"}, "127.0.0.1:8080", ""},
		"loopback, guarded":    {accessOptions{auth: "kubernetes"}, "localhost:8080", ""},
		"guarded over TLS":     {accessOptions{auth: "kubernetes", certFile: "c", keyFile: "k", clientCAFile: "a", audiences: []string{"x"}}, ":8443", ""},
		"open to all":          {accessOptions{auth: "none"}, ":8080", "would let anyone read there"},
		"open to all over TLS": {accessOptions{auth: "none", certFile: "c", keyFile: "k"}, "0.0.0.0:8443", "would let anyone read there"},
		"tokens in the clear":  {accessOptions{auth: "kubernetes"}, ":8443", "give --tls-cert-file"},
		"half a pair":          {accessOptions{auth: "kubernetes", certFile: "c"}, "127.0.0.1:1", "go together"},
		"CA without TLS":       {accessOptions{auth: "kubernetes", clientCAFile: "a"}, "127.0.0.1:1", "--client-ca-file has no meaning"},
		"audience for nobody":  {accessOptions{auth: "none", audiences: []string{"x"}}, "127.0.0.1:1", "have no meaning without --auth kubernetes"},
		"unknown":              {accessOptions{auth: "basic"}, "127.0.0.1:1", `unknown value "basic", want kubernetes or none`},
		"no port":              {accessOptions{auth: "none"}, "127.0.0.1", "--report-address"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.access.validate(test.address)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
