package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// janitorCommand is the argument that makes this program the janitor.
const janitorCommand = "__janitor"

// janitor is a process that waits for the demo to end, however it ends, and removes
// what it then finds: that is how nothing survives even a SIGKILL. It learns of the
// end by its standard input, a pipe that only the demo holds open.
type janitor struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

func startJanitor(dir string) (*janitor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, janitorCommand, dir)
	// In a session of its own no terminal and no Ctrl-C reaches it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the janitor: %w", err)
	}
	return &janitor{cmd: cmd, pipe: pipe}, nil
}

// watchOver names a process that must end with the demo. A janitor that cannot be
// told is gone, and then so is only the second safety net.
func (j *janitor) watchOver(pid int) {
	_, _ = fmt.Fprintln(j.pipe, pid)
}

// close tells the janitor that nothing is left to do, and waits for its end.
func (j *janitor) close() error {
	_, _ = fmt.Fprintln(j.pipe, 0)
	_ = j.pipe.Close()
	return j.cmd.Wait()
}

// tidyUp is the janitor. It returns when the demo has ended and nothing of it is left.
func tidyUp(demo io.Reader, dir string) int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var pids []int
	for lines := bufio.NewScanner(demo); lines.Scan(); {
		pid, err := strconv.Atoi(lines.Text())
		switch {
		case err != nil:
			continue
		case pid == 0: // the demo has cleaned up itself
			return exitDone
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	// A process that is just dying may still create a file.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		_ = os.RemoveAll(dir)
		<-tick.C
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return exitDone
		}
	}
	return exitFailed
}
