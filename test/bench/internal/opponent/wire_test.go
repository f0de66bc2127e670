package opponent

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// Counting must not change what is counted: clients whose configs are alike share
// connections, also when they count, and the server sees the same number of them.
func TestWireCountsWhatTheServerAccepts(t *testing.T) {
	var accepted atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			accepted.Add(1)
		}
	}
	// Connections that are dialled and not needed are closed at once.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	config := &rest.Config{Host: server.URL}
	config.CAData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	var w wire
	w.watchOver(config)
	// Two clients that could share, and one that could not.
	uncompressed := rest.CopyConfig(config)
	uncompressed.DisableCompression = true
	sharing := []*http.Client{client(t, config), client(t, rest.CopyConfig(config))}
	burst(t, server.URL, sharing...)
	burst(t, server.URL, client(t, uncompressed))

	// A request does not wait for the connection that it started and did not need.
	dialled, requests := w.counts()
	for deadline := time.Now().Add(10 * time.Second); dialled != int(accepted.Load()); dialled, requests = w.counts() {
		if time.Now().After(deadline) {
			t.Fatalf("counted %d connections, the server accepted %d", dialled, accepted.Load())
		}
		runtime.Gosched()
	}
	if requests["watch"] != 3*requestsPerClient {
		t.Errorf("counted %v, want %d watches", requests, 3*requestsPerClient)
	}
	// Without a burst: what is open is used again, also by a new client.
	before := dialled
	get(t, server.URL, client(t, rest.CopyConfig(config)))
	if dialled, _ := w.counts(); dialled != before {
		t.Errorf("a client with the same config dialled %d connections of its own", dialled-before)
	}
	runtime.KeepAlive(sharing) // client-go forgets transports that nobody uses
}

const requestsPerClient = 40

// burst sends many requests at once, which dials more connections than are kept.
func burst(t *testing.T, url string, clients ...*http.Client) {
	var all sync.WaitGroup
	for _, c := range clients {
		for range requestsPerClient {
			all.Go(func() { get(t, url, c) })
		}
	}
	all.Wait()
}

func get(t *testing.T, url string, c *http.Client) {
	resp, err := c.Get(url + "/apis/example.com/v1/widgets?watch=true")
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

func client(t *testing.T, config *rest.Config) *http.Client {
	t.Helper()
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
