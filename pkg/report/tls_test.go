package report

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue returns a certificate and its key in PEM.
func (a *authority) issue(t *testing.T, serial int64, usage x509.ExtKeyUsage) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "alice"}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return a.pem(der), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}

func (a *authority) pem(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// secured is a report server with TLS, and what a client needs.
type secured struct {
	*Server
	t    *testing.T
	dir  string
	pool *x509.CertPool
	// seen is the name in the last client certificate.
	seen chan string
}

func newSecured(t *testing.T, serving, clients *authority) *secured {
	t.Helper()
	s := &secured{t: t, dir: t.TempDir(), pool: x509.NewCertPool(), seen: make(chan string, 1)}
	s.pool.AddCert(serving.cert)
	s.put(serving.issue(t, 2, x509.ExtKeyUsageServerAuth))
	s.write("ca.crt", clients.pem(clients.cert.Raw))
	h, c := newGuarded(NewLedger(LedgerOptions{}))
	h.opts.Admit = func(r *http.Request) (Caller, error) {
		name := ""
		if len(r.TLS.VerifiedChains) > 0 {
			name = r.TLS.VerifiedChains[0][0].Subject.CommonName
		}
		s.seen <- name
		return c, nil
	}
	var err error
	s.Server, err = Listen(t.Context(), ServerOptions{
		ReportAddress: "127.0.0.1:0", ProbeAddress: "127.0.0.1:0", Handler: h, Logger: slog.New(slog.DiscardHandler), TLS: s.files(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx := t.Context()
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *secured) files() *TLSOptions {
	at := func(name string) string { return filepath.Join(s.dir, name) }
	return &TLSOptions{CertFile: at("tls.crt"), KeyFile: at("tls.key"), ClientCAFile: at("ca.crt")}
}

func (s *secured) put(cert, key []byte) {
	s.write("tls.crt", cert)
	s.write("tls.key", key)
}

func (s *secured) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// get asks on a connection of its own, and returns the serial number of the server's
// certificate.
func (s *secured) get(cert ...tls.Certificate) (serial int64, code int, err error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: s.pool, Certificates: cert},
	}}
	resp, err := client.Get(s.ReportURL() + "/api/v1/resources")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		s.t.Errorf("HTTP/%d", resp.ProtoMajor)
	}
	return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), resp.StatusCode, nil
}

// TestCertificatesAreReadAgain: new files are used without a restart, and files that are
// no good are not.
func TestCertificatesAreReadAgain(t *testing.T) {
	serving := newAuthority(t, "serving")
	s := newSecured(t, serving, newAuthority(t, "clients"))
	if serial, code, err := s.get(); serial != 2 || code != http.StatusOK || err != nil {
		t.Fatal(serial, code, err)
	}
	<-s.seen
	s.put([]byte("no certificate"), []byte("no key"))
	s.put(serving.issue(t, 3, x509.ExtKeyUsageServerAuth))
	for deadline := time.Now().Add(2 * time.Minute); ; {
		serial, _, err := s.get()
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("serial %d, %v", serial, err)
		}
		<-s.seen
		if serial == 3 {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestClientCertificates(t *testing.T) {
	serving, clients := newAuthority(t, "serving"), newAuthority(t, "clients")
	s := newSecured(t, serving, clients)
	pair := func(a *authority) tls.Certificate {
		cert, key := a.issue(t, 5, x509.ExtKeyUsageClientAuth)
		p, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, code, err := s.get(pair(clients)); code != http.StatusOK || err != nil {
		t.Fatal(code, err)
	}
	if name := <-s.seen; name != "alice" {
		t.Errorf("seen as %q", name)
	}
	// The client sends none that the server would not accept, unless it is made to.
	foreign := pair(newAuthority(t, "others"))
	conn, err := tls.Dial("tcp", s.ReportAddr().String(), &tls.Config{
		RootCAs: s.pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &foreign, nil },
	})
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of others: %v", err)
	}
}

// TestBadCertificateFiles: what is wrong is said before anything has begun, with the
// name of the file.
func TestBadCertificateFiles(t *testing.T) {
	serving := newAuthority(t, "serving")
	s := newSecured(t, serving, newAuthority(t, "clients"))
	_, otherKey := serving.issue(t, 9, x509.ExtKeyUsageServerAuth)
	for name, test := range map[string]struct {
		file string
		data []byte
		want string
	}{
		"garbage":         {"tls.crt", []byte("x"), "tls.crt"},
		"another's key":   {"tls.key", otherKey, "private key does not match"},
		"garbage for CAs": {"ca.crt", []byte("x"), "ca.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := &secured{t: t, dir: t.TempDir()}
			bad.put(serving.issue(t, 2, x509.ExtKeyUsageServerAuth))
			bad.write("ca.crt", serving.pem(serving.cert.Raw))
			bad.write(test.file, test.data)
			_, err := Listen(t.Context(), ServerOptions{ReportAddress: "127.0.0.1:0", ProbeAddress: "127.0.0.1:0", Handler: s.handler, TLS: bad.files()})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}
