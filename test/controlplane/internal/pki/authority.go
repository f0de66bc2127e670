// Package pki owns the keys and certificates of one control plane: three
// authorities (serving, clients, front proxies), the leaves they signed and the
// service account key. It creates what is missing in a directory and reuses
// what is there, so that clients outlive a restart. It refuses to be anything
// for production: keys are unencrypted and certificates last ten years.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is long, so that a kept data directory never meets an expiry.
const lifetime = 10 * 365 * 24 * time.Hour

// Pair is a certificate and its key, both PEM.
type Pair struct {
	Cert, Key []byte
}

// TLS returns the pair in the form that crypto/tls takes.
func (p Pair) TLS() (tls.Certificate, error) {
	return tls.X509KeyPair(p.Cert, p.Key)
}

// Authority signs certificates. It is immutable and safe for concurrent use.
type Authority struct {
	// CertPEM is what those who trust the authority need.
	CertPEM []byte

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// LoadAuthority reads name.crt and name.key in dir.
func LoadAuthority(dir, name string) (*Authority, error) {
	pair, err := loadPair(dir, name)
	if err != nil {
		return nil, err
	}
	keyPair, err := pair.TLS()
	if err != nil {
		return nil, fmt.Errorf("reading authority %s: %w", name, err)
	}
	key, ok := keyPair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading authority %s: key is %T", name, keyPair.PrivateKey)
	}
	return &Authority{CertPEM: pair.Cert, cert: keyPair.Leaf, key: key}, nil
}

// Client issues a client certificate: user is its common name, groups are its
// organizations, as kube-apiserver reads them.
func (a *Authority) Client(user string, groups ...string) (Pair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// Server issues a serving certificate for 127.0.0.1, ::1, localhost and its own name.
func (a *Authority) Server(name string) (Pair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	})
}

func (a *Authority) issue(template *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("generating key: %w", err)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	return sign(template, a.cert, key, a.key)
}

// ensureAuthority loads the authority, or creates it where there is none.
func ensureAuthority(dir, name string) (*Authority, error) {
	a, err := LoadAuthority(dir, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating key of %s: %w", name, err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	pair, err := sign(template, template, key, key)
	if err != nil {
		return nil, err
	}
	if err := writePair(dir, name, pair); err != nil {
		return nil, err
	}
	return LoadAuthority(dir, name)
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (Pair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Pair{}, fmt.Errorf("generating serial number: %w", err)
	}
	template.SerialNumber = serial
	// An hour back: a client's clock may lag behind ours.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = template.NotBefore.Add(lifetime)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return Pair{}, fmt.Errorf("signing %s: %w", template.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encoding key: %w", err)
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

func loadPair(dir, name string) (Pair, error) {
	cert, err := os.ReadFile(filepath.Join(dir, name+".crt"))
	if err != nil {
		return Pair{}, err
	}
	key, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: cert, Key: key}, nil
}

// writePair writes the certificate last: loadPair asks for it first, so that a
// pair half written by a killed process counts as missing.
func writePair(dir, name string, p Pair) error {
	if err := writeFile(filepath.Join(dir, name+".key"), p.Key); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, name+".crt"), p.Cert)
}

// writeFile replaces the file in one step: a reader sees all of it or none.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
