package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
	"github.com/crdwatch/crdwatch/test/controlplane/internal/pki"
)

// proxyMaxStreams is kube-apiserver's own limit of streams per connection, so
// that clients dial as often as they would without the proxy.
const proxyMaxStreams = 100

// Proxy stands between clients and the API server and breaks the way on
// purpose: per request (Now, Next, Always) or for whole connections (Refuse,
// Blackhole, HalfOpen, CutConnections, Restore). Without a fault it is
// transparent: HTTP/2 or 1.1 over TLS, and the API server sees the caller's own
// identity, because the proxy verifies client certificates and passes the names
// on with a front-proxy certificate; bearer tokens go through as they are.
//
// One thing differs from the direct way: watches are never compressed, so that
// the proxy knows where an event ends. It is safe for concurrent use.
type Proxy struct {
	cp      *ControlPlane
	url     *url.URL // the proxy's own
	target  *url.URL // the API server's
	address string
	suffix  string // of the kubeconfigs' names

	server *http.Server
	named  *http.Transport // for callers with a certificate
	plain  *http.Transport // for all others
	stats  stats

	serves   sync.WaitGroup // goroutines that accept
	handlers sync.WaitGroup // requests; added to under mu

	mu       sync.Mutex // guards all below
	closed   bool
	listener *listener // nil while connections are refused
	conns    map[*conn]struct{}
	rules    []*Rule
	streams  map[*stream]struct{}
}

// Proxy starts a new proxy in front of the control plane, at a port that it
// draws. It may start before the API server does, and outlives its restarts.
// The caller closes it.
func (c *ControlPlane) Proxy() (*Proxy, error) {
	port, err := layout.FreePort()
	if err != nil {
		return nil, fmt.Errorf("drawing a port: %w", err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p := &Proxy{
		cp:      c,
		url:     &url.URL{Scheme: "https", Host: address},
		target:  &url.URL{Scheme: "https", Host: strings.TrimPrefix(c.url(), "https://")},
		address: address,
		suffix:  fmt.Sprintf("-proxy-%d", port),
		conns:   make(map[*conn]struct{}),
		streams: make(map[*stream]struct{}),
	}
	if err := p.prepare(); err != nil {
		return nil, fmt.Errorf("creating proxy: %w", err)
	}
	if err := p.Restore(); err != nil {
		return nil, fmt.Errorf("starting proxy: %w", err)
	}
	return p, nil
}

func (p *Proxy) prepare() error {
	pair, err := p.cp.keys.Serving.Server("fault-proxy")
	if err != nil {
		return err
	}
	serving, err := pair.TLS()
	if err != nil {
		return err
	}
	frontProxy, err := p.cp.keys.FrontProxy.TLS()
	if err != nil {
		return err
	}
	p.named = upstream(p.cp.keys, frontProxy)
	p.plain = upstream(p.cp.keys)
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.serve),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{serving},
			ClientAuth:   tls.VerifyClientCertIfGiven,
			ClientCAs:    pool(p.cp.keys.Clients),
		},
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: proxyMaxStreams},
		// Aborted handshakes and streams are its daily business.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return nil
}

func upstream(keys *pki.PKI, certs ...tls.Certificate) *http.Transport {
	return &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool(keys.Serving), Certificates: certs},
		ForceAttemptHTTP2: true,
		// What the client and the API server agreed on goes through as it is.
		DisableCompression: true,
	}
}

func pool(a *pki.Authority) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CertPEM)
	return pool
}

// Close cuts all connections and blocks until all requests have ended.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	// Refuse first: it closes connections that went silent, too.
	p.Refuse()
	err := p.server.Close()
	p.serves.Wait()
	p.handlers.Wait()
	p.named.CloseIdleConnections()
	p.plain.CloseIdleConnections()
	return err
}

// URL is the proxy's, https://127.0.0.1:PORT.
func (p *Proxy) URL() string { return p.url.String() }

// Config returns a new config of the admin through the proxy. The caller may
// change it.
func (p *Proxy) Config() *rest.Config { return p.cp.config(p.URL(), p.cp.keys.Admin) }

// Kubeconfig writes a kubeconfig of the admin through the proxy and returns its
// path.
func (p *Proxy) Kubeconfig() (string, error) {
	_, path, err := p.User("admin", "system:masters")
	return path, err
}

// User is ControlPlane.User through the proxy.
func (p *Proxy) User(name string, groups ...string) (config *rest.Config, kubeconfig string, err error) {
	return p.cp.user(p.URL(), p.suffix, name, groups)
}

// TokenConfig is ControlPlane.TokenConfig through the proxy.
func (p *Proxy) TokenConfig(token string) *rest.Config {
	config := p.cp.TokenConfig(token)
	config.Host = p.URL()
	return config
}

// serve handles one request from its begin to its end.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	r, cancel := withRequestInfo(r)
	defer cancel()
	s := newStream(w, r, cancel, p.stats.begin(r))
	if !p.begin(s) {
		panic(http.ErrAbortHandler)
	}
	defer p.end(s)
	if rule := p.ruleFor(r); rule != nil && s.answerInstead(rule) {
		return
	}
	s.forward(p)
}

// begin registers the stream, so that Now finds it and Close waits for it; it
// refuses once the proxy is closed.
func (p *Proxy) begin(s *stream) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.streams[s] = struct{}{}
	p.handlers.Add(1)
	return true
}

func (p *Proxy) end(s *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, s)
	p.handlers.Done()
}

// ruleFor finds the rule for a new request and uses it up; nil if there is none.
func (p *Proxy) ruleFor(r *http.Request) *Rule {
	p.mu.Lock()
	rules := slices.Clone(p.rules)
	p.mu.Unlock()
	for _, rule := range rules {
		// Matchers are the caller's code: not under the lock.
		if rule.match(r) && p.use(rule) {
			return rule
		}
	}
	return nil
}
