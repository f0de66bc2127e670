package deploy

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
	"text/template"

	"sigs.k8s.io/yaml"
)

// krewPlugin is what krew knows of a plugin (its api krew.googlecontainertools.github.com/v1alpha2).
type krewPlugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string         `json:"version"`
		Homepage         string         `json:"homepage"`
		ShortDescription string         `json:"shortDescription"`
		Description      string         `json:"description"`
		Platforms        []krewPlatform `json:"platforms"`
	} `json:"spec"`
}

type krewPlatform struct {
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"`
	Bin    string `json:"bin"`
}

func TestKrewManifest(t *testing.T) {
	p := readKrew(t, "v1.2.3")
	if p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin" || p.Metadata.Name != "crdwatch" || p.Spec.Version != "v1.2.3" {
		t.Errorf("got %+v", p)
	}
	// What krew's own linter asks for.
	if n := len(p.Spec.ShortDescription); n == 0 || n > 50 {
		t.Errorf("the short description has %d characters, krew takes 50", n)
	}
	seen := map[string]bool{}
	for _, platform := range p.Spec.Platforms {
		labels := platform.Selector.MatchLabels
		name := labels["os"] + "_" + labels["arch"]
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if platform.Bin != "crdwatch" || path.Base(platform.URI) != "crdwatch_"+name+".tar.gz" || !strings.Contains(platform.URI, "/v1.2.3/") || len(platform.SHA256) != 64 {
			t.Errorf("%s: %+v", name, platform)
		}
	}
	if len(seen) == 0 {
		t.Error("there are no platforms")
	}
}

// readKrew fills the template in, as krew-release-bot does.
func readKrew(t *testing.T, tag string) krewPlugin {
	t.Helper()
	text, err := os.ReadFile(deployDir + "/krew/crdwatch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	release := map[string]string{"TagName": tag}
	add := func(uri, _ string) (string, error) {
		var b bytes.Buffer
		err := template.Must(template.New("uri").Parse(uri)).Execute(&b, release)
		return fmt.Sprintf("uri: %s\n    sha256: %s", &b, strings.Repeat("ab", 32)), err
	}
	filled, err := template.New("krew").Funcs(template.FuncMap{"addURIAndSha": add}).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := filled.Execute(&b, release); err != nil {
		t.Fatal(err)
	}
	var p krewPlugin
	if err := yaml.UnmarshalStrict(b.Bytes(), &p); err != nil {
		t.Fatalf("%v\n%s", err, &b)
	}
	return p
}
