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

// server is a running crdwatch serve, and the next one on the same history.
type server struct {
	*child
	report, probe string // addresses
	log, history  string // paths
}

// startServe blocks until crdwatch serve is ready.
func (d *demo) startServe(ctx context.Context) (*server, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, fmt.Errorf("looking for free ports: %w", err)
	}
	s := &server{
		report: addresses[0], probe: addresses[1],
		log: filepath.Join(d.dir, "serve.log"), history: filepath.Join(d.dir, "history"),
	}
	return s, d.serve(ctx, s)
}

// serve starts the process, and blocks until it is ready.
func (d *demo) serve(ctx context.Context, s *server) error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// The child has its own handle.
	defer func() { _ = log.Close() }()
	args := []string{"serve", "--auth", "none", "--report-address", s.report, "--probe-address", s.probe, "--data-dir", s.history}
	c, err := d.start(args, log, log, background)
	if err != nil {
		return err
	}
	s.child = c
	if err := s.waitReady(ctx); err != nil {
		s.stop()
		return err
	}
	return nil
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

// wait returns when ctx ends, after a while, or when the server ends, which it must not.
func (s *server) wait(ctx context.Context, while time.Duration) error {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-s.done:
		return s.ended()
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
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
