package deploy

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
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

// stage is a part of a Dockerfile.
type stage struct {
	from         string
	instructions []string
}

func readDockerfile(t *testing.T) []stage {
	t.Helper()
	data, err := os.ReadFile(deployDir + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var stages []stage
	joined := strings.ReplaceAll(string(data), "\\\n", " ")
	for line := range strings.Lines(joined) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || line[0] == '#':
		case word == "FROM":
			stages = append(stages, stage{from: rest})
		case len(stages) > 0:
			last := &stages[len(stages)-1]
			last.instructions = append(last.instructions, line)
		}
	}
	return stages
}

// TestImageHasTheBinaryAndNothingElse: the last stage begins with nothing, runs nothing,
// and takes the binary and the certificates.
func TestImageHasTheBinaryAndNothingElse(t *testing.T) {
	stages := readDockerfile(t)
	last := stages[len(stages)-1]
	if last.from != "scratch" {
		t.Errorf("the image begins with %s", last.from)
	}
	var copied []string
	for _, line := range last.instructions {
		switch fields := strings.Fields(line); fields[0] {
		case "COPY":
			copied = append(copied, fields[len(fields)-1])
		case "RUN", "ADD":
			t.Errorf("the image is changed by %q", line)
		}
	}
	if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/crdwatch"}; !slices.Equal(copied, want) {
		t.Errorf("the image has %v, want %v", copied, want)
	}
	for _, want := range []string{"USER 65532:65532", `ENTRYPOINT ["/crdwatch"]`} {
		if !slices.Contains(last.instructions, want) {
			t.Errorf("the image has no %s", want)
		}
	}
	for _, label := range []string{"title", "description", "source", "documentation", "version", "revision"} {
		if !slices.ContainsFunc(last.instructions, func(line string) bool {
			return strings.HasPrefix(line, "LABEL ") && strings.Contains(line, "org.opencontainers.image."+label+"=")
		}) {
			t.Errorf("the image has no label %s", label)
		}
	}
}

// TestImageIsBuiltAsTheMakefileBuilds: static, without paths, and with its version.
func TestImageIsBuiltAsTheMakefileBuilds(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var build string
	for _, line := range readDockerfile(t)[0].instructions {
		if strings.Contains(line, "go build") {
			build = line
		}
	}
	for _, flag := range []string{"CGO_ENABLED=0", "-trimpath", "-s -w", "-X main.version=", "-X main.commit=", "./cmd/crdwatch"} {
		if !strings.Contains(build, flag) || !strings.Contains(string(makefile), flag) {
			t.Errorf("%s is missing in %q, or in the Makefile", flag, build)
		}
	}
}

// TestBuildContextHasWhatIsCopied: .dockerignore leaves everything out but that.
func TestBuildContextHasWhatIsCopied(t *testing.T) {
	ignore, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	var copied []string
	for _, line := range readDockerfile(t)[0].instructions {
		if fields := strings.Fields(line); fields[0] == "COPY" {
			copied = append(copied, fields[1:len(fields)-1]...)
		}
	}
	var allowed []string
	for _, match := range regexp.MustCompile(`(?m)^!(\S+)$`).FindAllStringSubmatch(string(ignore), -1) {
		allowed = append(allowed, match[1])
	}
	slices.Sort(copied)
	slices.Sort(allowed)
	if !slices.Equal(copied, allowed) {
		t.Errorf("the Dockerfile copies %v, .dockerignore lets through %v", copied, allowed)
	}
	for _, name := range copied {
		if _, err := os.Stat("../../" + name); err != nil {
			t.Error(err)
		}
	}
}
