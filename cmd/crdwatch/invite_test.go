package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// sayings hands on what a program writes, line by line.
type sayings struct {
	mu    sync.Mutex
	begun string
	lines chan string
}

// Write implements io.Writer.
func (s *sayings) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun += string(p)
	for {
		line, rest, whole := strings.Cut(s.begun, "\n")
		if !whole {
			return len(p), nil
		}
		s.begun = rest
		s.lines <- line
	}
}

// await returns what the pattern finds in the first line that has it.
func (s *sayings) await(t *testing.T, pattern string) string {
	t.Helper()
	want, late := regexp.MustCompile(pattern), time.After(time.Minute)
	for {
		select {
		case line := <-s.lines:
			if found := want.FindStringSubmatch(line); found != nil {
				return found[1]
			}
		case <-late:
			t.Fatalf("nothing like %s was said", pattern)
		}
	}
}

// browse follows no redirects.
func browse(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestServeInvitesBrowsers: by a link that is good once, and then by another one.
func TestServeInvitesBrowsers(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	ctx, cancel := context.WithCancel(t.Context())
	stderr, ended := &sayings{lines: make(chan string, 100)}, make(chan int)
	go func() {
		ended <- run(ctx, []string{"serve", "--server", s.URL, "--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0"},
			strings.NewReader(""), io.Discard, stderr)
	}()
	defer func() {
		cancel()
		if code := <-ended; code != exitDone {
			t.Errorf("exit code %d", code)
		}
	}()
	base := stderr.await(t, `^report: (\S+)  probes: `)
	const page = `^page: (\S+)$`
	first := stderr.await(t, page)
	if !strings.HasPrefix(first, base+"/?token=") {
		t.Fatalf("the link of %s is %s", base, first)
	}
	if code := browse(t, first); code != http.StatusSeeOther {
		t.Errorf("the link is answered with %d", code)
	}
	second := stderr.await(t, page)
	for _, visit := range []struct {
		link string
		code int
	}{{first, http.StatusUnauthorized}, {second, http.StatusSeeOther}, {second, http.StatusUnauthorized}, {base + "/", http.StatusUnauthorized}} {
		if code := browse(t, visit.link); code != visit.code {
			t.Errorf("%s: %d, want %d", visit.link, code, visit.code)
		}
	}
}
