// Package program runs crdwatch as its users do.
package program

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/test/patience"
)

// Binary is the program under test: the one that CRDWATCH_BINARY names, or one built
// now.
var Binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("CRDWATCH_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "crdwatch")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "crdwatch")
	out, err := exec.Command("go", "build", "-C", "../..", "-o", path, "./cmd/crdwatch").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// Program is a running crdwatch.
type Program struct {
	t      testing.TB
	cmd    *exec.Cmd
	Stdout *bufio.Reader
	Stderr *Log
}

// Start runs crdwatch with a kubeconfig, and kills it when the test ends.
func Start(t testing.TB, kubeconfig string, args ...string) *Program {
	t.Helper()
	path, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+t.TempDir())
	return StartCommand(t, cmd)
}

// StartCommand is Start for a command that the caller made. Its outputs must not be set.
func StartCommand(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{t: t, cmd: cmd, Stderr: &Log{}}
	p.cmd.Stderr = p.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// PID is that of the process.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Rest returns what is left of stdout, and the exit code.
func (p *Program) Rest() (string, int) {
	p.t.Helper()
	timeout := time.AfterFunc(patience.Limit, func() { _ = p.cmd.Process.Kill() })
	defer timeout.Stop()
	out, err := io.ReadAll(p.Stdout)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out), p.Wait(patience.Limit)
}

// Wait returns the exit code, and does not read stdout. A program that does not end in
// time is killed, and has the exit code -1.
func (p *Program) Wait(limit time.Duration) int {
	p.t.Helper()
	timeout := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() })
	defer timeout.Stop()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal.
func (p *Program) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
