package load

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Server is a running stand-in. It listens on a loopback address, with TLS and HTTP/2 as the
// API server does, and 100 streams for each connection.
type Server struct {
	world   *world
	counter *counter
	http    *http.Server
	config  *rest.Config
	running sync.WaitGroup
	cancel  context.CancelFunc
}

// Start makes the objects, which takes some seconds, and serves them.
func Start(o Options) (*Server, error) {
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	certificate, ca, err := newCertificate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{world: w, counter: newCounter(), cancel: cancel, config: &rest.Config{
		Host: "https://" + listener.Addr().String(), BearerToken: "anybody", TLSClientConfig: rest.TLSClientConfig{CAData: ca},
	}}
	s.http = &http.Server{
		Handler: handler{w, s.counter}, ReadHeaderTimeout: 10 * time.Second,
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: 100},
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ErrorLog:  log.New(io.Discard, "", 0), BaseContext: func(net.Listener) context.Context { return ctx },
	}
	s.running.Go(func() { w.live(ctx) })
	s.running.Go(func() { _ = s.http.ServeTLS(listener, "", "") }) // it ends with Close
	return s, nil
}

// Close ends all watches, and waits until the server has ended.
func (s *Server) Close() error {
	s.cancel()
	err := s.http.Close()
	s.running.Wait()
	return err
}

// Config is how to reach the server.
func (s *Server) Config() *rest.Config { return rest.CopyConfig(s.config) }

// WriteKubeconfig writes the same for programs, with a token that is not looked at.
func (s *Server) WriteKubeconfig(path string) error {
	const name = "load"
	c := clientcmdapi.NewConfig()
	c.Clusters[name] = &clientcmdapi.Cluster{Server: s.config.Host, CertificateAuthorityData: s.config.CAData}
	c.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: s.config.BearerToken}
	c.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	c.CurrentContext = name
	text, err := clientcmd.Write(*c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// Change sets how many changes there are in a second.
func (s *Server) Change(rate int) { s.world.rate.Store(int64(rate)) }

// Changed is how many changes of objects there have been.
func (s *Server) Changed() int { return int(s.world.made.Load()) }

// Requests is how many there were so far, by their kind.
func (s *Server) Requests() map[string]int { return s.counter.counts() }

// Define adds a CRD, which is established at once, and returns its name.
func (s *Server) Define() string { return s.world.define() }

// Forget ends the watches of a resource, given as plural.group, and answers "410 Gone" to
// who wants to go on. It fails where there is no such resource.
func (s *Server) Forget(resource string) error {
	for _, t := range s.world.all() {
		if t.plural+"."+t.group == resource {
			t.forget(&s.world.revisions)
			return nil
		}
	}
	return errors.New("there is no resource " + resource)
}

// newCertificate makes one for 127.0.0.1 that vouches for itself.
func newCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "load"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// Resources are those of all CRDs, in the order in which they were defined.
func (s *Server) Resources() []schema.GroupVersionResource {
	s.world.mu.RLock()
	defer s.world.mu.RUnlock()
	all := make([]schema.GroupVersionResource, len(s.world.tables))
	for i, t := range s.world.tables {
		all[i] = schema.GroupVersionResource{Group: t.group, Version: t.version, Resource: t.plural}
	}
	return all
}
