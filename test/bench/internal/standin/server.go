package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/test/load"
)

// Server is a running stand-in. It is safe for concurrent use.
type Server struct {
	cmd   *exec.Cmd
	input io.Closer
	dir   string
	first reply

	mu       sync.Mutex
	requests *json.Encoder
	replies  *json.Decoder
}

// Start runs a command that calls Run, and waits until the stand-in serves. Objects are made
// when they are asked for, so that takes seconds. The caller closes it.
func Start(o load.Options, log io.Writer, command string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "standin")
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: exec.Command(command, args...), dir: dir}
	s.cmd.Stderr = log
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.input, s.requests, s.replies = in, json.NewEncoder(in), json.NewDecoder(out)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the stand-in: %w", err)
	}
	if s.first, err = s.ask(request{Dir: dir, Options: &o}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) ask(r request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer reply
	if err := s.requests.Encode(r); err != nil {
		return answer, fmt.Errorf("asking the stand-in: %w", err)
	}
	if err := s.replies.Decode(&answer); err != nil {
		return answer, fmt.Errorf("asking the stand-in: %w", err)
	}
	if answer.Error != "" {
		return answer, fmt.Errorf("the stand-in: %s", answer.Error)
	}
	return answer, nil
}

// PID is the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kubeconfig is the path of one that leads to the stand-in.
func (s *Server) Kubeconfig() string { return s.first.Kubeconfig }

// Resources are those of all CRDs that were there at the start.
func (s *Server) Resources() []schema.GroupVersionResource { return s.first.Resources }

// Change sets how many changes there are in a second.
func (s *Server) Change(rate int) error {
	_, err := s.ask(request{Rate: &rate})
	return err
}

// Changed is how many changes of objects there have been. There are no more of them once
// Change(0) has returned.
func (s *Server) Changed() (int, error) {
	answer, err := s.ask(request{})
	return answer.Changed, err
}

// Requests is how many there were so far, by their kind (see package load).
func (s *Server) Requests() (map[string]int, error) {
	answer, err := s.ask(request{})
	return answer.Requests, err
}

// Define adds a CRD and returns its name.
func (s *Server) Define() (string, error) {
	answer, err := s.ask(request{Define: true})
	return answer.Name, err
}

// Close ends the process and waits for it.
func (s *Server) Close() error {
	return errors.Join(s.input.Close(), s.cmd.Wait(), os.RemoveAll(s.dir))
}
