package serving

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// readyPoll is how exactly the time to /readyz is known.
	readyPoll = 10 * time.Millisecond
	// patience is how long a start may take, and a stop.
	patience = 10 * time.Minute
	// tailLines of what the program said explain why it ended.
	tailLines = 20
)

// Options of one start.
type Options struct {
	Binary, Kubeconfig string
	// DataDir holds the history; empty for one in memory.
	DataDir string
	// CacheDir is where client-go may keep what it discovered.
	CacheDir string
	// Audit has it audit what it watches, as it does unless told otherwise.
	Audit bool
	// Procs is how many CPUs it may use at a time; 0 for all.
	Procs int
	// Flags are more of them.
	Flags []string
}

// Server is a running crdwatch serve. Its methods are safe for concurrent use.
type Server struct {
	cmd           *exec.Cmd
	started       time.Time
	report, probe string        // URLs
	done          chan struct{} // closed when the process has ended
	err           error         // how; read it after done

	mu   sync.Mutex // guards tail
	tail []string
}

// Start starts the program and blocks until it says where it listens, which is
// before it is ready. The caller stops it.
func Start(ctx context.Context, o Options) (*Server, error) {
	args := []string{"serve", "--auth", "none", "--audit=" + strconv.FormatBool(o.Audit), "--kubeconfig", o.Kubeconfig,
		"--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0"}
	if o.DataDir != "" {
		args = append(args, "--data-dir", o.DataDir)
	}
	s := &Server{cmd: exec.Command(o.Binary, append(args, o.Flags...)...), done: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), "KUBECACHEDIR="+o.CacheDir)
	if o.Procs > 0 {
		s.cmd.Env = append(s.cmd.Env, "GOMAXPROCS="+strconv.Itoa(o.Procs))
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	s.started = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting crdwatch serve: %w", err)
	}
	listening := make(chan struct{})
	go s.wait(stderr, listening)
	select {
	case <-listening:
		return s, nil
	case <-s.done:
		return nil, s.ended()
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), s.Stop())
	}
}

// wait reads what the program says, to its end.
func (s *Server) wait(stderr io.Reader, listening chan<- struct{}) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		line := lines.Text()
		if _, err := fmt.Sscanf(line, "report: %s probes: %s", &s.report, &s.probe); err == nil {
			close(listening)
		}
		s.mu.Lock()
		s.tail = append(s.tail[max(0, len(s.tail)-tailLines+1):], line)
		s.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, stderr) // a line too long must not block the program
	s.err = s.cmd.Wait()
	close(s.done)
}

// PID is the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Ready blocks until /readyz is ok, and returns how long that took since the process
// was started.
func (s *Server) Ready(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("crdwatch serve is not ready after %s", patience))
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		if s.ok(ctx, s.probe+"/readyz") {
			return time.Since(s.started), nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return 0, s.ended()
		case <-ctx.Done():
			return 0, fmt.Errorf("%w:\n%s", context.Cause(ctx), s.said())
		}
	}
}

func (s *Server) ok(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close()) == nil && resp.StatusCode == http.StatusOK
}

// Stop asks the program to end and blocks until it has. Stopping twice is fine.
func (s *Server) Stop() error {
	select {
	case <-s.done:
		return nil
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case <-s.done:
	case <-deadline.C:
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	if s.err != nil {
		return s.ended()
	}
	return nil
}

func (s *Server) ended() error {
	return fmt.Errorf("crdwatch serve ended (%s):\n%s", s.cmd.ProcessState, s.said())
}

func (s *Server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.tail, "\n")
}
