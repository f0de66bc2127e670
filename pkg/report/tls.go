package report

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"

	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// TLSOptions name the files that the report server's TLS is made of.
type TLSOptions struct {
	// CertFile and KeyFile are the server's certificate with its chain, and its key.
	CertFile, KeyFile string
	// ClientCAFile, if it is set, has the CAs of the client certificates that are
	// accepted. No client need have one; one that these did not sign is refused.
	ClientCAFile string
}

// keyPairs serve what is in files, and read them again when they change. It is the
// API server's own code: it knows how the kubelet replaces a mounted Secret, and keeps
// what it has as long as the new files are no good.
type keyPairs struct {
	serving    *dynamiccertificates.DynamicCertKeyPairContent
	clients    *dynamiccertificates.DynamicFileCAContent
	controller *dynamiccertificates.DynamicServingCertificateController
}

// check fails for files that are no good, and names them.
func (o TLSOptions) check() error {
	if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile); err != nil {
		return fmt.Errorf("reading the certificate of the report server from %s and %s: %w", o.CertFile, o.KeyFile, err)
	}
	if o.ClientCAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(o.ClientCAFile)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = errors.New("there is no certificate in it, in PEM")
	}
	if err != nil {
		return fmt.Errorf("reading the CAs of clients from %s: %w", o.ClientCAFile, err)
	}
	return nil
}

// loadCertificates reads the files for the first time. The caller calls run or stop: what
// it makes has goroutines from the beginning.
func loadCertificates(opts TLSOptions) (c *keyPairs, err error) {
	// What is made of bad files fails, and leaves its goroutines behind.
	if err := opts.check(); err != nil {
		return nil, err
	}
	c = &keyPairs{}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	// A nil pointer in an interface would not be nil.
	var cas dynamiccertificates.CAContentProvider
	if opts.ClientCAFile != "" {
		if c.clients, err = dynamiccertificates.NewDynamicCAContentFromFile("client-ca", opts.ClientCAFile); err != nil {
			return nil, fmt.Errorf("reading the CAs of clients from %s: %w", opts.ClientCAFile, err)
		}
		cas, base.ClientAuth = c.clients, tls.VerifyClientCertIfGiven
	}
	if c.serving, err = dynamiccertificates.NewDynamicServingContentFromFiles("serving-cert", opts.CertFile, opts.KeyFile); err != nil {
		return nil, fmt.Errorf("reading the certificate of the report server from %s and %s: %w", opts.CertFile, opts.KeyFile, err)
	}
	c.controller = dynamiccertificates.NewDynamicServingCertificateController(base, cas, c.serving, nil, nil)
	c.serving.AddListener(c.controller)
	if c.clients != nil {
		c.clients.AddListener(c.controller)
	}
	if err := c.controller.RunOnce(); err != nil {
		return nil, fmt.Errorf("using the certificate in %s: %w", opts.CertFile, err)
	}
	return c, nil
}

// config is what the server listens with.
func (c *keyPairs) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: c.controller.GetConfigForClient,
	}
}

// stop is for what is not run.
func (c *keyPairs) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.run(ctx)
}

// run reads the files again when they change, until ctx ends.
func (c *keyPairs) run(ctx context.Context) {
	var wg sync.WaitGroup
	if c.serving != nil {
		wg.Go(func() { c.serving.Run(ctx, 1) })
	}
	if c.clients != nil {
		wg.Go(func() { c.clients.Run(ctx, 1) })
	}
	if c.controller != nil {
		wg.Go(func() { c.controller.Run(1, ctx.Done()) })
	}
	wg.Wait()
}
