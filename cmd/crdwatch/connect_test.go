package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestUntrustedServer: the way out of a certificate that is not trusted is no other than
// its CA, and it is said.
func TestUntrustedServer(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	for _, command := range []string{"audit", "crds", "watch"} {
		var stdout, stderr bytes.Buffer
		t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
		code := run(t.Context(), []string{command, "--server", s.URL}, strings.NewReader(""), &stdout, &stderr)
		for _, want := range []string{"error: the certificate of the API server " + s.URL + " is not trusted: x509: ", "--certificate-authority"} {
			if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), want) {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", command, code, stdout.String(), stderr.String(), want)
			}
		}
	}
}

// untilSaid cancels when a text was written.
type untilSaid struct {
	text   string
	cancel func()
	mu     sync.Mutex
	b      bytes.Buffer
}

// Write implements io.Writer.
func (w *untilSaid) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if strings.Contains(w.b.String(), w.text) {
		w.cancel()
	}
	return len(p), nil
}

// TestServeSaysThatNobodyAnswers: who serves goes on trying, but not in silence.
func TestServeSaysThatNobodyAnswers(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	stderr := &untilSaid{text: "cannot reach the API server " + s.URL, cancel: cancel}
	args := []string{"serve", "--server", s.URL, "--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0"}
	if code := run(ctx, args, strings.NewReader(""), io.Discard, stderr); code != exitDone {
		t.Errorf("exit code %d: %s", code, stderr.b.String())
	}
	if !strings.Contains(stderr.b.String(), stderr.text) {
		t.Errorf("it does not say what is wrong: %s", stderr.b.String())
	}
}
