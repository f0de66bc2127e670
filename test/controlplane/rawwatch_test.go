package controlplane_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// rawWatch reads a watch below client-go, which hides how a stream ended.
type rawWatch struct {
	t      *testing.T
	status int
	proto  int
	lines  chan line
	cancel context.CancelFunc
}

// line is one event, or the error that ended the stream.
type line struct {
	text string
	err  error
}

type event struct {
	Type   string
	Object struct {
		Code     int
		Metadata struct{ Name, ResourceVersion string }
		Spec     struct{ Size int64 }
	}
}

// startWatch watches all widgets from the resourceVersion, which may be empty.
func startWatch(t *testing.T, config *rest.Config, resourceVersion string) *rawWatch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client := httpClient(t, config)
	url := config.Host + "/apis/example.com/v1/widgets?watch=true&resourceVersion=" + resourceVersion
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	w := &rawWatch{t: t, status: response.StatusCode, proto: response.ProtoMajor, lines: make(chan line, 100), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer response.Body.Close()
		reader := bufio.NewReader(response.Body)
		for {
			text, err := reader.ReadString('\n')
			w.lines <- line{text, err}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *rawWatch) line() line {
	w.t.Helper()
	select {
	case l := <-w.lines:
		return l
	case <-time.After(30 * time.Second):
		w.t.Fatal("watch: nothing came")
		return line{}
	}
}

func (w *rawWatch) next() event {
	w.t.Helper()
	l := w.line()
	if l.err != nil {
		w.t.Fatalf("watch ended: %v", l.err)
	}
	var e event
	if err := json.Unmarshal([]byte(l.text), &e); err != nil {
		w.t.Fatalf("watch: %v in %q", err, l.text)
	}
	return e
}

// size waits for the event of a widget with this size.
func (w *rawWatch) size(want int64) {
	w.t.Helper()
	for {
		if e := w.next(); e.Object.Spec.Size == want {
			return
		}
	}
}

// end waits for the stream's end and returns what it ended with.
func (w *rawWatch) end() line {
	w.t.Helper()
	for {
		if l := w.line(); l.err != nil {
			return l
		}
	}
}

func httpClient(t *testing.T, config *rest.Config) *http.Client {
	t.Helper()
	// client-go shares transports among equal configs; a test that breaks
	// connections needs its own.
	config = rest.CopyConfig(config)
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	var wrapped http.RoundTripper = transport
	if config.BearerToken != "" {
		wrapped = bearer{config.BearerToken, transport}
	}
	return &http.Client{Transport: wrapped}
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// get returns the status of a request, with the error of sending or reading it.
func get(t *testing.T, client *http.Client, url string, header http.Header) (int, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		err = fmt.Errorf("reading body: %w", err)
	}
	return response.StatusCode, string(body), err
}
