package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The names of what Ensure keeps in its directory: NAME.crt and NAME.key, but
// ServiceAccount, which has NAME.key alone (kube-apiserver takes the private
// key for both signing and verifying).
const (
	ServingCA      = "serving-ca"
	ClientCA       = "client-ca"
	FrontProxyCA   = "front-proxy-ca"
	APIServer      = "apiserver"
	Admin          = "admin"
	FrontProxy     = "front-proxy"
	ServiceAccount = "service-account"
)

// PKI is what a control plane and its clients need. It is immutable.
type PKI struct {
	Serving, Clients, FrontProxies *Authority
	// Admin is a client certificate in the group system:masters.
	Admin Pair
	// FrontProxy is the client certificate with which a proxy may tell
	// kube-apiserver whose request it forwards.
	FrontProxy Pair
}

// Ensure creates what is missing in dir and loads all of it. Two processes must
// not call it for one directory at the same time.
func Ensure(dir string) (*PKI, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var p PKI
	for name, authority := range map[string]**Authority{
		ServingCA: &p.Serving, ClientCA: &p.Clients, FrontProxyCA: &p.FrontProxies,
	} {
		var err error
		if *authority, err = ensureAuthority(dir, name); err != nil {
			return nil, fmt.Errorf("creating authority %s: %w", name, err)
		}
	}
	if err := p.ensureLeaves(dir); err != nil {
		return nil, err
	}
	return &p, ensureServiceAccountKey(filepath.Join(dir, ServiceAccount+".key"))
}

func (p *PKI) ensureLeaves(dir string) error {
	var err error
	if _, err = ensureLeaf(dir, APIServer, func() (Pair, error) {
		return p.Serving.Server("kube-apiserver")
	}); err != nil {
		return err
	}
	if p.Admin, err = ensureLeaf(dir, Admin, func() (Pair, error) {
		return p.Clients.Client("admin", "system:masters")
	}); err != nil {
		return err
	}
	p.FrontProxy, err = ensureLeaf(dir, FrontProxy, func() (Pair, error) {
		return p.FrontProxies.Client(FrontProxy)
	})
	return err
}

func ensureLeaf(dir, name string, issue func() (Pair, error)) (Pair, error) {
	pair, err := loadPair(dir, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return pair, err
	}
	if pair, err = issue(); err != nil {
		return Pair{}, fmt.Errorf("creating certificate %s: %w", name, err)
	}
	return pair, writePair(dir, name, pair)
}

func ensureServiceAccountKey(path string) error {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generating service account key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding service account key: %w", err)
	}
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
