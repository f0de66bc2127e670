package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/crdwatch/crdwatch/test/program"
)

// asDemo makes the test binary the demo, so that the demo runs with the race
// detector when its tests do.
const asDemo = "CRDWATCH_TEST_AS_DEMO"

var crdwatch string

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		main()
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if crdwatch, err = program.Binary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// running is a demo as somebody started it who has a kubeconfig of their own.
type running struct {
	cmd            *exec.Cmd
	tmp            string // its TMPDIR, empty but for what it makes
	stdout, stderr string // paths
	kubeconfigs    []string
	// What the introduction says.
	kubeconfig, report, probe string
}

// startDemo returns when the introduction is there.
func startDemo(t *testing.T, args ...string) *running {
	t.Helper()
	home := t.TempDir()
	r := &running{
		tmp: filepath.Join(home, "tmp"), stdout: filepath.Join(home, "stdout"), stderr: filepath.Join(home, "stderr"),
		kubeconfigs: []string{filepath.Join(home, "mine"), filepath.Join(home, ".kube", "config")},
	}
	for _, dir := range []string{r.tmp, filepath.Join(home, ".kube")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Whoever reads one of these hangs, and is seen.
	for _, path := range r.kubeconfigs {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.cmd = exec.Command(os.Args[0], append([]string{"--crdwatch", crdwatch}, args...)...)
	r.cmd.Env = append(goEnvironment(t), asDemo+"=1", "HOME="+home, "TMPDIR="+r.tmp, "KUBECONFIG="+r.kubeconfigs[0])
	r.cmd.Stdout, r.cmd.Stderr = create(t, r.stdout), create(t, r.stderr)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); _ = r.cmd.Wait() })
	r.waitIntroduction(t)
	return r
}

// goEnvironment keeps Go's caches where they are although HOME is another.
func goEnvironment(t *testing.T) []string {
	t.Helper()
	env := os.Environ()
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE", "GOENV", "GOFLAGS"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	if os.Getenv("CRDWATCH_CACHE") != "" {
		return env
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return append(env, "CRDWATCH_CACHE="+filepath.Join(cache, "crdwatch"))
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

var introduction = regexp.MustCompile(`(?s)KUBECONFIG=(\S+).*http://([0-9.:]+)/api/.*http://([0-9.:]+)/readyz.*\n`)

func (r *running) waitIntroduction(t *testing.T) {
	t.Helper()
	// As long as a build of the control plane takes on a slow machine.
	r.poll(t, 15*time.Minute, "the introduction", func() bool {
		found := introduction.FindStringSubmatch(r.said(t))
		if found == nil {
			return false
		}
		r.kubeconfig, r.report, r.probe = found[1], found[2], found[3]
		return true
	})
}

func (r *running) said(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(r.stderr)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// poll fails with what the demo said, and at once when the demo has ended too early.
func (r *running) poll(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, patience, true,
		func(context.Context) (bool, error) {
			if !ok() {
				return false, r.cmd.Process.Signal(syscall.Signal(0))
			}
			return true, nil
		})
	if err != nil {
		t.Fatalf("waiting for %s: %v\n%s", what, err, r.said(t))
	}
}

// wait returns how the demo ended.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	const patience = 40 * time.Second
	late := time.AfterFunc(patience, func() { _ = r.cmd.Process.Kill() })
	err := r.cmd.Wait()
	if !late.Stop() {
		t.Errorf("the demo did not end within %s", patience)
	}
	return err
}

// checkNothingLeft allows the janitor a moment.
func (r *running) checkNothingLeft(t *testing.T) {
	t.Helper()
	var left []string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true,
		func(context.Context) (bool, error) {
			left = r.left(t)
			return len(left) == 0, nil
		})
	if err != nil {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

func (r *running) left(t *testing.T) []string {
	t.Helper()
	left := r.processes(t)
	files, err := os.ReadDir(r.tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		left = append(left, "file "+f.Name())
	}
	for _, address := range []string{r.report, r.probe} {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			left = append(left, "port "+address)
		}
	}
	return left
}

// processes are those with the demo's directory in their command line or environment.
func (r *running) processes(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("ps", "axeww", "-o", "pid,command").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), r.tmp+"/") {
			found = append(found, "process "+lines.Text())
		}
	}
	return found
}

// checkUnread proves that nobody is reading a kubeconfig of the user's: a pipe can be
// opened for writing, without waiting, only while somebody has it open for reading.
func (r *running) checkUnread(t *testing.T) {
	t.Helper()
	for _, path := range r.kubeconfigs {
		fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
		if !errors.Is(err, syscall.ENXIO) {
			_ = syscall.Close(fd)
			t.Errorf("%s is being read, or is no longer what it was: %v", path, err)
		}
	}
	files, err := os.ReadDir(filepath.Dir(r.kubeconfigs[1]))
	if err != nil || len(files) != 1 {
		t.Errorf("~/.kube holds %v, want only the kubeconfig; %v", files, err)
	}
}
