package controlplane

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopDeadline is how long a process may take to stop before it is killed.
const stopDeadline = 15 * time.Second

// process is one child that must not outlive us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the child has been waited for
	err  error         // how it ended; read it after done
}

// startProcess starts the program with its standard error appended to log. The
// child gets a pipe as standard input that ends when we die; stdout may be nil.
func startProcess(path string, args []string, log string, stdout io.Writer) (*process, error) {
	logFile, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command(path, args...)
	cmd.Stderr = logFile
	cmd.Stdout = stdout
	cmd.SysProcAttr = sysProcAttr()
	// Wait closes our end; until then nobody writes to it.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the parent death signal when the thread that
		// started the child ends (golang/go#27505): keep this one until
		// the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return p, nil
}

// stop asks the child to stop, waits, and kills it in the end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	deadline := time.NewTimer(stopDeadline)
	defer deadline.Stop()
	select {
	case <-p.done:
	case <-deadline.C:
		p.kill()
	}
}

// kill ends the child at once and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
