package load_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/load"
	"github.com/crdwatch/crdwatch/test/patience"
)

const (
	crdPath   = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	objects   = 5
	asPartial = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	asList    = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// TestAgainstAPIServer asks a stand-in and a real API server that has the same objects the
// same questions: status, media type and every byte of the answers are the same, but for
// what no two API servers have in common.
func TestAgainstAPIServer(t *testing.T) {
	stand, err := load.Start(load.Options{Seed: 7, CRDs: 1, Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stand.Close() })
	gvr := transfer(t, stand.Config(), cp.Config())
	path := "/apis/" + gvr.Group + "/" + gvr.Version + "/" + gvr.Resource
	const initial = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=60"
	for _, q := range []question{
		{name: "list", path: path},
		{name: "first page", path: path + "?limit=2"},
		{name: "count", path: path + "?limit=1", accept: asList},
		{name: "metadata", path: path, accept: asList},
		{name: "initial objects", path: path + "?" + initial, lines: objects + 1},
		{name: "initial metadata", path: path + "?" + initial, lines: objects + 1, accept: asPartial},
		{name: "CRD", path: crdPath + "/" + gvr.GroupResource().String()},
		{name: "metadata of a CRD", path: crdPath + "/" + gvr.GroupResource().String(), accept: asPartial},
		{name: "list of CRDs", path: crdPath + "?limit=1"},
		{name: "initial CRDs", path: crdPath + "?" + initial, lines: 2},
		{name: "no such CRD", path: crdPath + "/things.example.org"},
		{name: "no such resource", path: "/apis/" + gvr.Group + "/" + gvr.Version + "/things"},
		{name: "gone", path: path + "?watch=true&resourceVersion=1", lines: 1},
	} {
		t.Run(q.name, func(t *testing.T) {
			want, got := q.ask(t, cp.Config()), q.ask(t, stand.Config())
			if want.Code != got.Code || want.Media != got.Media || len(want.Lines) != len(got.Lines) {
				t.Fatalf("the stand-in answers %d %s, %d lines, the API server %d %s, %d lines",
					got.Code, got.Media, len(got.Lines), want.Code, want.Media, len(want.Lines))
			}
			for i := range want.Lines {
				if at := differ(want.Lines[i], got.Lines[i]); at >= 0 {
					t.Errorf("line %d differs at byte %d: the API server has\n%s\nthe stand-in\n%s",
						i, at, around(want.Lines[i], at), around(got.Lines[i], at))
				}
			}
		})
	}
}

// differ returns where two texts begin to differ, -1 if nowhere.
func differ(a, b string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func around(s string, at int) string {
	return s[max(0, at-200):min(len(s), at+200)]
}

// question is a request. Of a watch, so many lines are read.
type question struct {
	name, path, accept string
	lines              int
}

// answer is what is compared.
type answer struct {
	Code  int
	Media string
	Lines []string
}

func (q question) ask(t *testing.T, config *rest.Config) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+q.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	if q.accept != "" {
		request.Header.Set("Accept", q.accept)
	}
	// What looks like a person is answered with white space.
	request.Header.Set("User-Agent", "crdwatch")
	response, err := client(t, config).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{Code: response.StatusCode, Media: response.Header.Get("Content-Type")}
	lines := bufio.NewReader(response.Body)
	for q.lines == 0 || len(a.Lines) < q.lines {
		line, err := lines.ReadString('\n')
		if line != "" {
			a.Lines = append(a.Lines, normal(line))
		}
		if err == io.EOF && q.lines == 0 {
			break
		}
		if err != nil {
			t.Fatalf("%d lines: %v", len(a.Lines), err)
		}
	}
	slices.Sort(a.Lines) // the objects come in another order
	return a
}

func client(t *testing.T, config *rest.Config) *http.Client {
	t.Helper()
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// particulars are what two API servers do not have in common.
var particulars = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`"(resourceVersion|continue)":"[^"]*"`), `"$1":"…"`},
	{regexp.MustCompile(`"(creationTimestamp|time|lastTransitionTime)":"\d{4}-[^"]*"`), `"$1":"…"`},
	{regexp.MustCompile(`too old resource version: \d+ \(\d+\)`), `too old resource version: …`},
}

// managedOfCRD: who manages a CRD's fields is not what the stand-in is for.
var crdKind, managedOfCRD = regexp.MustCompile(`apiextensions.k8s.io`), regexp.MustCompile(`"managedFields":\[\{.*?\}\]([,}])`)

func normal(line string) string {
	if crdKind.MatchString(line) {
		line = managedOfCRD.ReplaceAllString(line, `"managedFields":…$1`)
	}
	for _, p := range particulars {
		line = p.pattern.ReplaceAllString(line, p.replacement)
	}
	return line
}

// transfer creates on an API server what another one has: its first CRD, and the objects.
func transfer(t *testing.T, from, to *rest.Config) schema.GroupVersionResource {
	t.Helper()
	source, target := dynamic.NewForConfigOrDie(from), dynamic.NewForConfigOrDie(to)
	list, err := source.Resource(crds).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	crd := &list.Items[0]
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	gvr := schema.GroupVersionResource{Group: group, Version: "v1beta1", Resource: plural}
	apply(t, target.Resource(crds), crd)
	patience.Until(t, "the CRD is served", func() (bool, string) {
		_, err := target.Resource(gvr).List(t.Context(), metav1.ListOptions{})
		return err == nil, fmt.Sprint(err)
	})
	all, err := source.Resource(gvr).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all.Items {
		o := &all.Items[i]
		namespace(t, target, o.GetNamespace())
		status := o.Object["status"]
		apply(t, target.Resource(gvr).Namespace(o.GetNamespace()), o)
		now, err := target.Resource(gvr).Namespace(o.GetNamespace()).Get(t.Context(), o.GetName(), metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		now.Object["status"] = status
		if _, err := target.Resource(gvr).Namespace(o.GetNamespace()).UpdateStatus(t.Context(), now, metav1.UpdateOptions{FieldManager: "provider-controller"}); err != nil {
			t.Fatal(err)
		}
	}
	return gvr
}

// apply creates an object without what is the API server's.
func apply(t *testing.T, client dynamic.ResourceInterface, o *unstructured.Unstructured) {
	t.Helper()
	own := o.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(own.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(own.Object, "status")
	if _, err := client.Apply(t.Context(), o.GetName(), own, metav1.ApplyOptions{FieldManager: "crossplane-composed"}); err != nil {
		t.Fatal(err)
	}
}

func namespace(t *testing.T, client dynamic.Interface, name string) {
	t.Helper()
	ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
	apply(t, client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}), ns)
}
