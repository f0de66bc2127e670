package deploy

import (
	"bytes"
	"debug/elf"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/crdwatch/crdwatch/test/deploy/image"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
)

const (
	accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	dataDir    = "/var/lib/crdwatch"
)

// build does what deploy/Dockerfile says. The Go and the modules are this machine's. For
// the certificates of public CAs there is that of the API server's.
func (c *cluster) build(t *testing.T) image.Image {
	t.Helper()
	base, dir := t.TempDir(), t.TempDir()
	certs := filepath.Join(base, "etc", "ssl", "certs")
	if err := os.MkdirAll(certs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(certs, "ca-certificates.crt"), c.Config().CAData, 0o644); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	built, err := image.Build(t.Context(), image.Options{
		Dockerfile: deployDir + "/Dockerfile", Context: "../..", Dir: dir, Output: &output, Env: os.Environ(),
		Args:  map[string]string{"VERSION": "v9.8.7", "COMMIT": "abc1234"},
		Bases: map[string]string{"golang:1.26": base},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &output)
	}
	return built
}

// testImage builds the image, and runs it with nothing else in its root, and then with the
// volumes, the environment, the flags and the account of the chart's pod.
func (c *cluster) testImage(t *testing.T) {
	built := c.build(t)
	requireImage(t, built)
	p, token := c.grant(t), c.token(t, "crdwatch")
	box := newContainer(t, built)
	out, code := program.StartCommand(t, box.command(t.Context(), "/crdwatch", "version")).Rest()
	if code != 0 || !strings.Contains(out, "v9.8.7") || !strings.Contains(out, "abc1234") {
		t.Errorf("version ends with %d, and prints %q", code, out)
	}
	// The API server's certificate is verified by the image's certificates.
	crds := program.StartCommand(t, box.command(t.Context(), "/crdwatch", "crds", "--server", c.Config().Host, "--token", token, "-o", "json"))
	if out, code := crds.Rest(); code != 0 || !strings.Contains(out, "widgets.example.com") {
		t.Errorf("crds ends with %d: %s%s", code, out, crds.Stderr)
	}
	c.testPod(t, box, built.Command[0], p, token)
}

// requireImage wants the binary, the certificates, and nothing else; and the binary to be
// static, and to tell nothing of where it was built.
func requireImage(t *testing.T, built image.Image) {
	t.Helper()
	got := map[string]bool{}
	err := filepath.WalkDir(built.Root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got[strings.TrimPrefix(path, built.Root)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"/crdwatch": true, "/etc/ssl/certs/ca-certificates.crt": true}, got); diff != "" {
		t.Errorf("files of the image: -want +got:\n%s", diff)
	}
	if built.User != "65532:65532" || !slices.Equal(built.Command, []string{"/crdwatch", "serve"}) {
		t.Errorf("the image runs %q as %s", built.Command, built.User)
	}
	const prefix = "org.opencontainers.image."
	if built.Labels[prefix+"version"] != "v9.8.7" || built.Labels[prefix+"revision"] != "abc1234" {
		t.Errorf("labels %v", built.Labels)
	}
	for _, label := range []string{"title", "description", "source", "documentation"} {
		if built.Labels[prefix+label] == "" {
			t.Errorf("there is no label %s%s, but %v", prefix, label, slices.Sorted(maps.Keys(built.Labels)))
		}
	}
	requireStatic(t, filepath.Join(built.Root, "crdwatch"))
}

func requireStatic(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary needs a dynamic linker: %v", p.Type)
		}
	}
	if f.Section(".symtab") != nil {
		t.Error("the binary is not stripped")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if dir := filepath.Dir(filepath.Dir(path)); bytes.Contains(data, []byte(dir)) {
		t.Errorf("the binary has the path %s in it", dir)
	}
}

// testPod runs the pod of the chart: it finds the API server as pods do, watches, keeps a
// history, and ends when it is told to.
func (c *cluster) testPod(t *testing.T, box *container, entrypoint string, p *corev1.PodTemplateSpec, token string) {
	host, port, _ := strings.Cut(strings.TrimPrefix(c.Config().Host, "https://"), ":")
	box.env = append(box.env, "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+port)
	box.setEnv(t, &p.Spec.Containers[0])
	secret := t.TempDir()
	bundle, err := c.ServingFiles(secret, endpointName)
	if err != nil {
		t.Fatal(err)
	}
	volumes := map[string]map[string][]byte{"tls": readFiles(t, secret, "tls.crt", "tls.key"), "data": nil, "tmp": nil}
	for _, m := range p.Spec.Containers[0].VolumeMounts {
		files, ok := volumes[m.Name]
		if !ok || m.ReadOnly != (files != nil) {
			t.Fatalf("what %+v has is not known here", m)
		}
		box.mount(t, m.MountPath, files)
	}
	box.mount(t, accountDir, map[string][]byte{"token": []byte(token), "ca.crt": c.Config().CAData, "namespace": []byte("audit")})

	args := append([]string{entrypoint}, onThisMachine(p)...)
	s := newServed(t, program.StartCommand(t, box.command(t.Context(), args...)), bundle)
	s.requireSynced(t, c)
	s.requireMetric(t, c, "go_gc_gomemlimit_bytes 1.024e+09")
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(patience.Limit); code != 0 {
		t.Errorf("it ends with %d: %s", code, s.Stderr)
	}
	check := program.StartCommand(t, box.command(t.Context(), "/crdwatch", "store", "check", "--data-dir", dataDir))
	if out, code := check.Rest(); code != 0 {
		t.Errorf("store check ends with %d: %s%s", code, out, check.Stderr)
	}
	stray, err := os.ReadDir(box.root)
	if err != nil || len(stray) != 4 { // crdwatch, etc, tmp, var
		t.Errorf("the root has %v (%v)", stray, err)
	}
}

func readFiles(t *testing.T, dir string, names ...string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	return files
}

// requireMetric wants a line among the metrics.
func (s *served) requireMetric(t *testing.T, c *cluster, line string) {
	t.Helper()
	code, body, err := s.get(t.Context(), s.url+"/metrics", c.token(t, "crdwatch-metrics"))
	if err != nil || code != http.StatusOK || !bytes.Contains(body, []byte("\n"+line+"\n")) {
		t.Errorf("/metrics: %d %v, want %s in\n%s", code, err, line, body)
	}
}

// TestContextHasWhatTheBinaryIsMadeOf, and neither tests nor anything else that lies there.
func TestContextHasWhatTheBinaryIsMadeOf(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, e := range entries {
		files, err := image.Files("../..", e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if len(files) > 0 {
			parts = append(parts, e.Name())
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") || strings.Contains("/"+f, "/testdata/") {
				t.Errorf("%s/%s is in the context", e.Name(), f)
			}
		}
	}
	if want := []string{"cmd", "go.mod", "go.sum", "pkg"}; fmt.Sprint(parts) != fmt.Sprint(want) {
		t.Errorf("in the context are %v, want %v", parts, want)
	}
}
