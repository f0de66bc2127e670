package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// preflightTimeout is how long the API server may take to answer the first request,
// unless --request-timeout says otherwise.
const preflightTimeout = 15 * time.Second

// restConfig finds the API server as kubectl does.
func (g *globals) restConfig() (*rest.Config, error) {
	loader := g.connection.ToRawKubeConfigLoader()
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("loading the kubeconfig: %w", err)
	}
	explicit := *g.connection.APIServer != ""
	if clientcmdapi.IsConfigEmpty(&raw) && !explicit {
		return g.inCluster(loader)
	}
	if name := *g.connection.Context; name != "" && raw.Contexts[name] == nil {
		return nil, fmt.Errorf("the kubeconfig has no context %q; it has: %s", name, joinKeys(raw.Contexts))
	}
	cfg, err := g.connection.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("loading the kubeconfig: %w", err)
	}
	return g.named(cfg), nil
}

func (g *globals) inCluster(loader clientcmd.ClientConfig) (*rest.Config, error) {
	cfg, err := rest.InClusterConfig()
	if err == nil {
		return g.named(cfg), nil
	}
	if !errors.Is(err, rest.ErrNotInCluster) {
		return nil, fmt.Errorf("using the pod's service account: %w", err)
	}
	looked := strings.Join(loader.ConfigAccess().GetLoadingPrecedence(), ", ")
	return nil, fmt.Errorf("no kubeconfig found (looked at %s) and this is no pod: name one with --kubeconfig or KUBECONFIG", looked)
}

func (g *globals) named(cfg *rest.Config) *rest.Config {
	cfg.UserAgent = "crdwatch/" + buildInfo().Version
	return cfg
}

// connect makes the clients, and proves that the API server answers and lets the
// CRDs be listed, so that what is wrong with a connection is said at once.
func (g *globals) connect(ctx context.Context) (*watch.Clients, error) {
	cfg, err := g.restConfig()
	if err != nil {
		return nil, err
	}
	clients, err := watch.NewClients(cfg, nil)
	if err != nil {
		return nil, err
	}
	return clients, preflight(ctx, cfg, clients)
}

// preflight asks for a CRD. Its error says what to do.
func preflight(ctx context.Context, cfg *rest.Config, clients *watch.Clients) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(cfg.Timeout, preflightTimeout))
	defer cancel()
	_, err := clients.List().Resource(discovery.CRDs().GVR).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return explainConnection(cfg.Host, err)
	}
	return nil
}

// explainConnection says what an error of the first request means and what to do.
func explainConnection(host string, err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate of the API server %s is not trusted: %w (is this the right --context? --certificate-authority names another CA)", host, untrusted.Err)
	case errors.Is(err, context.Canceled):
		return err
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server %s does not accept these credentials: %w (has the token expired? log in again, or name another --context or --token)", host, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("crdwatch needs to get, list and watch customresourcedefinitions.apiextensions.k8s.io: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the API server %s does not answer in time (is this the right --context? a slow one may need a longer --request-timeout)", host)
	case apierrors.ReasonForError(err) == metav1.StatusReasonUnknown:
		return fmt.Errorf("cannot reach the API server %s: %w (is the cluster up, and is this the right --context?)", host, err)
	}
	return fmt.Errorf("asking the API server %s for its CRDs: %w", host, err)
}
