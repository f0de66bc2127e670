package controlplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

func TestRestartKeepsPortDataAndCertificates(t *testing.T) {
	for name, end := range map[string]func(*controlplane.ControlPlane){
		"after Stop": (*controlplane.ControlPlane).Stop,
		"after Kill": (*controlplane.ControlPlane).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			c := controlplane.StartT(t, controlplane.Options{})
			applyWidgets(t, c)
			written := setSize(t, client(t, c.Config()), 42)
			_, kubeconfig, err := c.User("admin2", "system:masters")
			if err != nil {
				t.Fatal(err)
			}
			end(c)
			if err := c.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			read, err := client(t, config).Resource(widgets).Namespace("default").Get(t.Context(), "apple", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if read.GetResourceVersion() != written.GetResourceVersion() {
				t.Errorf("resourceVersion %s, want %s as written", read.GetResourceVersion(), written.GetResourceVersion())
			}
		})
	}
}

func TestStopEndsManyWatchesCleanlyAndSoon(t *testing.T) {
	const limit = 5 * time.Second
	c := controlplane.StartT(t, controlplane.Options{})
	applyWidgets(t, c)
	watches := make([]*rawWatch, 30)
	for i := range watches {
		watches[i] = startWatch(t, c.Config(), "")
		watches[i].next()
	}
	start := time.Now()
	c.Stop()
	if took := time.Since(start); took > limit {
		t.Errorf("stopping took %s, want at most %s", took, limit)
	}
	for i, w := range watches {
		if l := w.end(); !errors.Is(l.err, io.EOF) || l.text != "" {
			t.Errorf("watch %d ended with %q, %v, want a clean EOF", i, l.text, l.err)
		}
	}
	c.Stop() // of what is stopped: nothing
}

func TestExpireAnswers410ToOldResourceVersions(t *testing.T) {
	for name, flags := range map[string][]string{
		"with watch cache":    nil,
		"without watch cache": {"--watch-cache=false"},
	} {
		t.Run(name, func(t *testing.T) {
			c := controlplane.StartT(t, controlplane.Options{Flags: flags})
			applyWidgets(t, c)
			old := setSize(t, client(t, c.Config()), 1).GetResourceVersion()
			latest := setSize(t, client(t, c.Config()), 2).GetResourceVersion()
			// First the proof that only Expire makes the difference.
			startWatch(t, c.Config(), old).size(2)

			if err := c.Expire(t.Context()); err != nil {
				t.Fatal(err)
			}
			for which, version := range map[string]string{"an old": old, "the latest": latest} {
				if code := resume(t, c, version); code != 410 {
					t.Errorf("resuming from %s resourceVersion: code %d, want 410", which, code)
				}
			}
			// What is handed out from now on is good.
			fresh := setSize(t, client(t, c.Config()), 3).GetResourceVersion()
			setSize(t, client(t, c.Config()), 4)
			startWatch(t, c.Config(), fresh).size(4)
		})
	}
}

// resume watches from the resourceVersion and returns the code of the failure,
// or 0 for an event. While a watch cache fills, the API server answers 429, as
// client-go knows.
func resume(t *testing.T, c *controlplane.ControlPlane, resourceVersion string) int {
	t.Helper()
	for {
		w := startWatch(t, c.Config(), resourceVersion)
		if w.status == 429 {
			w.end()
			continue
		}
		if w.status != 200 {
			return w.status
		}
		return w.next().Object.Code
	}
}

func TestFlagsReachTheAPIServerAndFailuresAreExplained(t *testing.T) {
	_, err := controlplane.Start(t.Context(), controlplane.Options{
		Dir: t.TempDir(), Flags: []string{"--no-such-flag"},
	})
	if err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("error %v, want one that names the flag", err)
	}
}

// childEnv makes this test binary the parent of a control plane that is going
// to lose it.
const childEnv = "CONTROLPLANE_TEST_CHILD"

// child starts a control plane in dir and waits to be killed.
func child(dir string) int {
	c, err := controlplane.Start(context.Background(), controlplane.Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("pid %d\n", c.PID())
	select {}
}

func TestNothingSurvivesAKilledParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for scanner := bufio.NewScanner(out); pid == 0 && scanner.Scan(); {
		if text, ok := strings.CutPrefix(scanner.Text(), "pid "); ok {
			pid, _ = strconv.Atoi(text)
		}
	}
	if pid == 0 {
		t.Error("the child started no control plane")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	poll(t, "the end of the orphan", func(context.Context) bool { return gone(pid) })
}

// command returns our own command with a new data directory.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := controlplane.Binary(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, append(args, "--data-dir", filepath.Join(t.TempDir(), "new"))...)
}

func TestCommandEndsWithItsStandardInput(t *testing.T) {
	cmd := command(t, "--exit-with-parent")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(ready, `"kubeconfig":`) {
		t.Errorf("ready line %q, %v", ready, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v, want none", err)
	}
}

func TestCommandExitCodes(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":              {[]string{"--help"}, 0, "--data-dir"},
		"unknown flag":      {[]string{"--nope"}, 2, "-nope"},
		"no port":           {[]string{"--secure-port=70000"}, 2, "--secure-port"},
		"no data directory": {[]string{"--secure-port=1", "--data-dir=/proc/nowhere"}, 1, "/proc/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t)
			cmd.Args = append(cmd.Args, test.args...)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != test.code || !strings.Contains(string(out), test.says) {
				t.Errorf("exit code %d, want %d; it should say %q:\n%s", cmd.ProcessState.ExitCode(), test.code, test.says, out)
			}
		})
	}
}

// gone tells whether the process has ended; a zombie counts, because nobody
// here can wait for another's child.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
