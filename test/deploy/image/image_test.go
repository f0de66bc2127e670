package image_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/test/deploy/image"
)

const dockerfile = `# A comment.
ARG BASE=debian
FROM ${BASE} AS build
WORKDIR /src
COPY go.mod ./
# Another,
COPY cmd ./cmd
ARG VERSION=none
RUN echo "$VERSION $HOME" > out && \
    # within an instruction
    ls cmd >> out
FROM scratch
ARG VERSION
LABEL a.b="1" \
      c="v${VERSION}"
COPY --from=build /etc/ca.crt /certs/
COPY --from=build /src/out /out
USER 1:2
ENTRYPOINT ["/out"]
CMD ["serve"]
`

// options are for a context with more than the Dockerfile copies.
func options(t *testing.T, dockerfile string) image.Options {
	t.Helper()
	dir := t.TempDir()
	files := tree{
		"Dockerfile": dockerfile, "context/.dockerignore": "*\n!go.mod\n!cmd\n**/*_test.go\n",
		"context/go.mod": "module x", "context/secret": "s", "context/cmd/main.go": "package main", "context/cmd/main_test.go": "package main",
		"base/etc/ca.crt": "CA",
	}
	files.write(t, dir)
	return image.Options{
		Dockerfile: filepath.Join(dir, "Dockerfile"), Context: filepath.Join(dir, "context"), Dir: t.TempDir(),
		Bases: map[string]string{"debian": filepath.Join(dir, "base")}, Env: []string{"HOME=nowhere", "PATH=" + os.Getenv("PATH")}, Output: &bytes.Buffer{},
	}
}

// tree are contents by names.
type tree map[string]string

func (f tree) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, root string) tree {
	t.Helper()
	files := tree{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(root, name))
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestBuild(t *testing.T) {
	o := options(t, dockerfile)
	o.Args = map[string]string{"VERSION": "9"}
	built, err := image.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := tree{"certs/ca.crt": "CA", "out": "9 nowhere\nmain.go\n"}
	if diff := cmp.Diff(want, read(t, built.Root)); diff != "" {
		t.Errorf("the image: -want +got:\n%s", diff)
	}
	built.Root = ""
	meta := image.Image{User: "1:2", Command: []string{"/out", "serve"}, Labels: map[string]string{"a.b": "1", "c": "v9"}}
	if diff := cmp.Diff(meta, built); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRefused: what would not be done as a container engine does it is not done at all.
func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct{ dockerfile, want string }{
		"unknown instruction":  {"FROM scratch\nADD a b\n", "not known"},
		"unknown image":        {"FROM alpine\n", "alpine"},
		"no FROM":              {"# nothing\n", "no FROM"},
		"instruction before":   {"RUN true\nFROM scratch\n", "no FROM"},
		"unknown argument":     {"FROM scratch\nLABEL a=\"${NONE}\"\n", "NONE"},
		"argument without one": {"FROM scratch\nARG NONE\n", "NONE"},
		"flag":                 {"FROM scratch\nCOPY --chown=1 go.mod ./\n", "want COPY"},
		"wildcard":             {"FROM scratch\nCOPY go.* ./\n", "wildcards"},
		"left out":             {"FROM scratch\nCOPY secret ./\n", "in the context"},
		"not there":            {"FROM scratch\nCOPY nothing ./\n", "nothing"},
		"not in the stage":     {"FROM debian AS a\nFROM scratch\nCOPY --from=a /etc/passwd /\n", "/etc/passwd"},
		"not in an empty one":  {"FROM scratch AS a\nFROM scratch\nCOPY --from=a /etc/passwd /\n", "/etc/passwd"},
		"unknown stage":        {"FROM scratch\nCOPY --from=a /b /\n", "no stage a"},
		"path of the machine":  {"FROM debian\nRUN cat /etc/passwd\n", "absolute path"},
		"flag with such a one": {"FROM debian\nRUN ls --dir=/etc\n", "absolute path"},
		"failing command":      {"FROM debian\nWORKDIR /a\nRUN exit 3\n", "exit status 3"},
		"does not end":         {"FROM scratch\nUSER \\\n", "goes on"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := image.Build(t.Context(), options(t, tc.dockerfile))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestArgumentThatNobodyAsksForIsRefused(t *testing.T) {
	o := options(t, "FROM scratch\n")
	o.Args = map[string]string{"NOBODY": "9"}
	if _, err := image.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "NOBODY") {
		t.Errorf("got %v", err)
	}
}
