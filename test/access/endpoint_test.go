package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/program"
)

// endpoint is crdwatch serve with authentication.
type endpoint struct {
	*program.Program
	t        *testing.T
	url      string
	dir      string
	caBundle []byte
}

// serve starts one that is ready.
func serve(t *testing.T, only string, args ...string) *endpoint {
	t.Helper()
	files := t.TempDir()
	bundle, err := shared.ServingFiles(files, "crdwatch")
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{t: t, dir: t.TempDir(), caBundle: bundle}
	args = append([]string{
		"serve", "--auth", "kubernetes", "--data-dir", e.dir, "--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0",
		"--tls-cert-file", filepath.Join(files, "tls.crt"), "--tls-private-key-file", filepath.Join(files, "tls.key"),
		"--client-ca-file", filepath.Join(files, "client-ca.crt"), "--group", "*." + only, "--log-level", "debug",
	}, args...)
	e.Program = program.Start(t, shared.Kubeconfig(), args...)
	e.url, _ = e.AwaitReady()
	return e
}

// roots are the CAs that clients trust.
func (e *endpoint) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.caBundle)
	return pool
}

// client has the credentials of a config, and trusts the endpoint.
func (e *endpoint) client(config *rest.Config) *http.Client {
	e.t.Helper()
	c := &tls.Config{RootCAs: e.roots()}
	if len(config.CertData) > 0 {
		pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
		if err != nil {
			e.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	e.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: withToken{transport, config.BearerToken}}
}

type withToken struct {
	http.RoundTripper
	token string
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	return w.RoundTripper.RoundTrip(r)
}

// get returns the code and the whole body.
func (e *endpoint) get(ctx context.Context, c *http.Client, path string, accept string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+path, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Accept", accept)
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

const (
	asJSON  = "application/json"
	asLines = "application/x-ndjson"
)

// event is what the tests look at of an event.
type event struct {
	Type      string
	Namespace string
	Name      string
	Resource  struct{ Resource string }
}

// keys are the objects of which lines tell.
func keys(lines []byte) (map[string]bool, error) {
	found := map[string]bool{}
	for line := range bytes.Lines(lines) {
		var ev event
		if err := json.Unmarshal(line, &ev); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		found[ev.Namespace+"/"+ev.Name] = true
	}
	return found, nil
}

// stream collects a live stream until it ends.
type stream struct {
	data chan []byte
}

// follow opens a stream, and returns once the endpoint follows for it.
func (e *endpoint) follow(ctx context.Context, c *http.Client, query string) (*stream, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/api/v1/events?watch=true&"+query, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, resp.StatusCode, nil
	}
	body := bufio.NewReader(resp.Body)
	if _, err := body.ReadString('\n'); err != nil {
		return nil, 0, err
	}
	s := &stream{data: make(chan []byte, 1)}
	go func() {
		defer resp.Body.Close()
		all, _ := io.ReadAll(body)
		s.data <- all
	}()
	return s, resp.StatusCode, nil
}

// lines are the events of a stream that has ended, and how it ended.
func lines(all []byte) (events []byte, last string) {
	name := ""
	for line := range strings.Lines(string(all)) {
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case field == "event":
			name = strings.TrimSpace(value)
			last = name
		case field == "data" && name == "":
			events = append(events, value...)
		case line == "\n":
			name = ""
		}
	}
	return events, last
}

// onDisk is everything in the data directory.
func (e *endpoint) onDisk() []byte {
	e.t.Helper()
	var all []byte
	err := filepath.WalkDir(e.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, b...)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return all
}
