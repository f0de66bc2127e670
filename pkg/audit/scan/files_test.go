package scan

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// write makes files in a directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func asYAML(t *testing.T, object map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func read(t *testing.T, names ...string) []Manifest {
	t.Helper()
	found, err := ReadManifests(names, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestReadManifests(t *testing.T) {
	const a, b = `{"apiVersion":"v1","kind":"A"}`, `{"apiVersion":"v1","kind":"B","size":9007199254740993}`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"one":                 {"apiVersion: v1\nkind: A\n", []string{a + ":1"}},
		"two":                 {"# first\n\napiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: B\nsize: 9007199254740993\n", []string{a + ":3", b + ":6"}},
		"comments and nobody": {"---\n# x\n--- # y\napiVersion: v1\nkind: A\n...\n---\n\n", []string{a + ":4"}},
		"on the line":         {"--- " + a + "\n--- " + b, []string{a + ":1", b + ":2"}},
		"dashes in a text":    {"apiVersion: v1\nkind: |-\n  A\nx: |\n  ---\n", []string{`{"apiVersion":"v1","kind":"A","x":"---\n"}:1`}},
		"JSON":                {"\n" + a, []string{a + ":2"}},
		"JSON values":         {a + "\n" + b, []string{a + ":1", b + ":2"}},
		"YAML like JSON":      {"{apiVersion: v1, kind: A}\n---\n{kind: B, apiVersion: v1, size: 9007199254740993}", []string{a + ":1", b + ":3"}},
		"a List":              {"apiVersion: v1\nkind: List\nitems: [" + a + "," + b + "]", []string{a + ":1", b + ":1"}},
		"a typed List":        {"apiVersion: v1\nkind: AList\nitems: [{}]", []string{a + ":1"}},
		"an empty List":       {"apiVersion: v1\nkind: AList\nitems: []", nil},
		"nothing":             {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := ReadManifests([]string{Stdin}, strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range found {
				text, err := json.Marshal(m.Object)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(text)+":"+string(rune('0'+m.Line)))
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadManifestsRefuses(t *testing.T) {
	dir := write(t, map[string]string{"sub/bad.yaml": "apiVersion: v1\nkind: A\n---\nkind: [\n", "empty/readme.txt": "x", "ok.json": `{"apiVersion":"v1","kind":"A"}`})
	for name, want := range map[string]string{
		"sub":   filepath.Join(dir, "sub/bad.yaml") + ", document 2 (line 4): ",
		"empty": "has no files *.yaml, *.yml or *.json",
		"none":  "no such file",
	} {
		if _, err := ReadManifests([]string{filepath.Join(dir, "ok.json"), filepath.Join(dir, name)}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	for text, want := range map[string]string{
		"a: 1":      "standard input, document 1 (line 1): this is no Kubernetes manifest: it has no apiVersion or no kind",
		"\n\nhello": "standard input, document 1 (line 3): this is no Kubernetes manifest: it is no object",
		// Lines are those of the file.
		"---\na: 1\nkind: X\napiVersion: v1\n---\n\n# two\nkind: [\n": "standard input, document 2 (line 8): yaml: line 8: did not find expected node content",
		// Two files, the first without an end, one behind the other.
		"kind: A\napiVersion: v1\nkind: B\napiVersion: v1\n":                 `standard input, document 1 (line 1): yaml: line 3: key "kind" already set in map line 4: key "apiVersion" already set in map (if another object begins there, the line "---" is missing before it)`,
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: A}, {}]": "items[1]: this is no Kubernetes manifest",
		"apiVersion: v1\nkind: List\nitems: [1]":                             "items[0] is no object",
	} {
		if _, err := ReadManifests([]string{Stdin}, strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	widgetCRDs := asYAML(t, crd("widgets", true))
	objects := asYAML(t, widget(1)) + "---\n" + asYAML(t, widget(2))
	earlier := crd("widgets", true)
	earlier["spec"].(map[string]any)["conversion"] = map[string]any{"strategy": "Webhook"}
	deployment := "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\nkind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n"
	found := "T001 widgets.example.com/ ×2: password <redacted sha256:f52fbd32>, config 0, peers 1"
	for name, test := range map[string]struct {
		text, against string
		scope         watch.Scope
		want          []string
	}{
		"CRD alone":      {text: widgetCRDs, want: []string{widgetCRD + "unread; widgets -1"}},
		"two revisions":  {text: widgetCRDs, against: asYAML(t, earlier), want: []string{widgetCRD + "unread, earlier conversion Webhook; widgets -1"}},
		"defaults":       {text: widgetCRDs, against: widgetCRDs, want: []string{widgetCRD + "unread, earlier conversion None; widgets -1"}},
		"with objects":   {text: objects + "---\n" + widgetCRDs + deployment, want: []string{found, widgetCRD + "2 objects, T001 finds 2; widgets 2"}},
		"unserved":       {text: asYAML(t, crd("widgets", false)) + "---\n" + objects, want: []string{found, widgetCRD + "2 objects, T001 finds 2; widgets 2"}},
		"a label":        {text: objects + "---\n" + widgetCRDs, scope: watch.Scope{LabelSelector: "a=b"}},
		"a namespace":    {text: objects + "---\n" + widgetCRDs, scope: watch.Scope{Namespace: "web"}, want: []string{found}},
		"another":        {text: objects + "---\n" + widgetCRDs, scope: watch.Scope{Namespace: "db"}},
		"CRD missing":    {text: objects + deployment, want: []string{"not Widget.example.com CRDMissing: the CRD of kind Widget in group example.com is not among the files, so its objects cannot be judged (first in standard input, document 1): add it with -f"}},
		"no such kind":   {text: deployment},
		"other versions": {text: strings.ReplaceAll(asYAML(t, widget(1)), "/v1", "/v7") + "---\n" + widgetCRDs, want: []string{widgetCRD + "unread; widgets 1", `not widgets.example.com VersionMissing: standard input, document 1 is of version "v7", which the CRD does not have`}},
	} {
		t.Run(name, func(t *testing.T) {
			manifests, err := ReadManifests([]string{Stdin}, strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			against, err := ReadManifests([]string{Stdin}, strings.NewReader(test.against))
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Evaluator: audit.Evaluator{Rules: testRules()}, Now: now, Resolve: func(discovery.Set) (watch.Selector, error) {
				return func(discovery.Resource) (watch.Scope, bool) { return test.scope, true }, nil
			}}
			r, err := RunFiles(t.Context(), o, manifests, against)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, lines(r)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestFilesRefused: what does not say which CRD is meant, or is no CRD any more.
func TestFilesRefused(t *testing.T) {
	widgetCRDs := asYAML(t, crd("widgets", true))
	dir := write(t, map[string]string{
		"a.yaml": widgetCRDs, "b.yaml": widgetCRDs,
		"old.yaml": strings.ReplaceAll(widgetCRDs, "apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"),
	})
	for name, want := range map[string]string{
		"b.yaml":   "stands in the files twice (" + dir + "/a.yaml, document 1, and " + dir + "/b.yaml, document 1)",
		"old.yaml": "no supported API server serves: convert it to apiextensions.k8s.io/v1",
	} {
		manifests := read(t, filepath.Join(dir, "a.yaml"), filepath.Join(dir, name))
		if _, err := RunFiles(t.Context(), Options{Now: now}, manifests, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// TestDefaulted: nothing is found missing that the API server adds.
func TestDefaulted(t *testing.T) {
	definition := crd("widgets", true)
	version := definition["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
	version["schema"] = map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{
		"spec": map[string]any{"type": "object", "properties": map[string]any{"password": map[string]any{"type": "string"}, "size": map[string]any{"type": "integer", "default": 3}}},
	}}}
	var got any
	rule := audit.Rule{ID: "T", About: audit.AboutObject, Check: func(in *audit.Input) ([]audit.Finding, error) {
		got = in.Object.Object["spec"]
		return nil, nil
	}}
	manifests := read(t, write(t, map[string]string{"a.yaml": asYAML(t, definition), "b.yaml": asYAML(t, widget(1))}))
	if _, err := RunFiles(t.Context(), Options{Evaluator: audit.Evaluator{Rules: []audit.Rule{rule}}, Now: now}, manifests, nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(any(map[string]any{"password": "<redacted sha256:f52fbd32>", "size": int64(3)}), got); d != "" {
		t.Error(d)
	}
}

func TestSources(t *testing.T) {
	dir := write(t, map[string]string{"a.yaml": asYAML(t, crd("widgets", true)) + "---\n" + asYAML(t, widget(1))})
	source := Sources(read(t, dir))
	got := map[string]string{}
	for _, s := range []audit.Subject{
		{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: "widgets.example.com", UID: "x"},
		{Group: "example.com", Resource: "widgets", Namespace: "web", Name: "w001"},
		{Group: "example.com", Resource: "widgets"},
		{Group: "example.com", Resource: "gadgets", Name: "x"},
	} {
		file, line := source(s)
		got[s.ResourceName()+"/"+s.Object()] = strings.TrimPrefix(file, dir) + ":" + string(rune('0'+line/10)) + string(rune('0'+line%10))
	}
	begin := strings.Count(asYAML(t, crd("widgets", true)), "\n") + 2
	second := "/a.yaml:" + string(rune('0'+begin/10)) + string(rune('0'+begin%10))
	want := map[string]string{
		"customresourcedefinitions.apiextensions.k8s.io/widgets.example.com": "/a.yaml:01",
		"widgets.example.com/web/w001":                                       second,
		"widgets.example.com/":                                               "/a.yaml:01",
		"gadgets.example.com/x":                                              ":00",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d, slices.Sorted(maps.Keys(got)))
	}
}
