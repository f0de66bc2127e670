package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopDeadline is how long a child may take to stop before it is killed. crdwatch
// serve drains for 10 s at most.
const stopDeadline = 12 * time.Second

// child is a crdwatch that must not outlive us.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has been waited for
	err  error         // how it ended; read it after done
}

// Whether a child shares the terminal's signals: in the foreground Ctrl-C and Ctrl-Z
// reach it as they reach us; in the background we alone say when it ends.
const (
	foreground = true
	background = false
)

// start runs crdwatch with the demo's cluster for its only one.
func (d *demo) start(args []string, stdout, stderr io.Writer, shared bool) (*child, error) {
	cmd := exec.Command(d.crdwatch, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = d.environment()
	cmd.SysProcAttr = dieWithParent()
	cmd.SysProcAttr.Setpgid = !shared
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the parent death signal when the thread that started
		// the child ends (golang/go#27505): keep this one until the child has.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting crdwatch: %w", err)
	}
	d.janitor.watchOver(cmd.Process.Pid)
	return c, nil
}

// environment is ours, but for what leads to another cluster.
func (d *demo) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"KUBECONFIG", "KUBECACHEDIR", "KUBERNETES_SERVICE_HOST"}, name)
	})
	return append(env,
		"KUBECONFIG="+d.cluster.Kubeconfig(),
		"KUBECACHEDIR="+filepath.Join(d.dir, "cache"))
}

// kill ends the child at once, and waits until it has ended.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// stop asks the child to end, waits, and kills it in the end.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	deadline := time.NewTimer(stopDeadline)
	defer deadline.Stop()
	select {
	case <-c.done:
	case <-deadline.C:
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}
