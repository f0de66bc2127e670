package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// serveDeadline is how long crdwatch serve may take to be ready: a second or two.
const serveDeadline = 30 * time.Second

// server is a running crdwatch serve.
type server struct {
	*child
	report, probe string // addresses
	log           string // path
}

// startServe blocks until crdwatch serve is ready.
func (d *demo) startServe(ctx context.Context) (*server, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, fmt.Errorf("looking for free ports: %w", err)
	}
	s := &server{report: addresses[0], probe: addresses[1], log: filepath.Join(d.dir, "serve.log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	// The child has its own handle.
	defer func() { _ = log.Close() }()
	args := []string{"serve", "--auth", "none", "--report-address", s.report, "--probe-address", s.probe}
	if s.child, err = d.start(args, log, log, background); err != nil {
		return nil, err
	}
	if err := s.waitReady(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// waitReady polls /readyz.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, serveDeadline, fmt.Errorf("crdwatch serve is not ready after %s", serveDeadline))
	defer cancel()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.ready(ctx, client) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return s.ended()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *server) ready(ctx context.Context, client *http.Client) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.probe+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	answer, err := client.Do(req)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// wait returns when ctx ends, or the server, which it must not.
func (s *server) wait(ctx context.Context) error {
	select {
	case <-s.done:
		return s.ended()
	case <-ctx.Done():
		return nil
	}
}

func (s *server) ended() error {
	log, _ := os.ReadFile(s.log)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	tail := strings.Join(lines[max(0, len(lines)-10):], "\n")
	return fmt.Errorf("crdwatch serve ended (%s):\n%s", s.cmd.ProcessState, tail)
}

// freeAddresses returns local addresses whose ports were free a moment ago, from
// crdwatch's own default on.
func freeAddresses(n int) ([]string, error) {
	const first, last = 8080, 9079
	var found []string
	var failed error
	for port := first; port <= last && len(found) < n; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			failed = err
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		found = append(found, address)
	}
	if len(found) < n {
		return nil, failed
	}
	return found, nil
}
