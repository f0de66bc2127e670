package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// The values of --auth.
const (
	authNone       = "none"
	authKubernetes = "kubernetes"
)

// accessOptions are the flags of crdwatch serve about who may read what it reports.
type accessOptions struct {
	auth         string
	audiences    []string
	certFile     string
	keyFile      string
	clientCAFile string
}

func (o *accessOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.auth, "auth", authNone, "Who may read the report endpoint: kubernetes asks the API server, none asks nobody and is allowed on a loopback address only")
	flags.StringSliceVar(&o.audiences, "token-audience", nil, "Accept bearer tokens for this audience only; can be repeated (default: the API server's)")
	flags.StringVar(&o.certFile, "tls-cert-file", "", "Certificate of the report endpoint with its chain, in PEM; read again when it changes")
	flags.StringVar(&o.keyFile, "tls-private-key-file", "", "Private key of --tls-cert-file, in PEM; read again when it changes")
	flags.StringVar(&o.clientCAFile, "client-ca-file", "", "Accept client certificates that these CAs signed, in PEM; read again when it changes")
}

func (o *accessOptions) validate(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--report-address: %w", err)
	}
	remote := !report.IsLoopback(host)
	switch {
	case o.auth != authNone && o.auth != authKubernetes:
		return fmt.Errorf("--auth: unknown value %q, want kubernetes or none", o.auth)
	case o.auth == authNone && remote:
		return fmt.Errorf("--report-address: %s is not a loopback address, and --auth none would let anyone read there; use 127.0.0.1, or --auth kubernetes", address)
	case (o.certFile == "") != (o.keyFile == ""):
		return errors.New("--tls-cert-file and --tls-private-key-file go together")
	case remote && o.certFile == "":
		return fmt.Errorf("--report-address: %s is not a loopback address, and callers would send their tokens there for anyone to read; give --tls-cert-file and --tls-private-key-file", address)
	case o.auth == authNone && (o.clientCAFile != "" || len(o.audiences) > 0):
		return errors.New("--client-ca-file and --token-audience have no meaning without --auth kubernetes")
	case o.clientCAFile != "" && o.certFile == "":
		return errors.New("--client-ca-file has no meaning without --tls-cert-file")
	}
	return nil
}

// tls is nil where plain HTTP is spoken.
func (o *accessOptions) tls() *report.TLSOptions {
	if o.certFile == "" {
		return nil
	}
	return &report.TLSOptions{CertFile: o.certFile, KeyFile: o.keyFile, ClientCAFile: o.clientCAFile}
}

// admit is nil where nobody is asked.
func (o *accessOptions) admit(clients *watch.Clients, metrics *report.Metrics) func(*http.Request) (report.Caller, error) {
	if o.auth == authNone {
		return nil
	}
	gate := access.New(access.Options{Client: clients.Reviews(), Audiences: o.audiences, Decided: metrics.Decided})
	return func(r *http.Request) (report.Caller, error) { return gate.Admit(r) }
}
