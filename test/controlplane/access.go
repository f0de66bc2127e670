package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
)

// User returns a config and the path of a kubeconfig for the user with the
// groups, by a client certificate. The user may do nothing until Grant. It does
// no I/O beyond the kubeconfig, which it overwrites; the config is the caller's.
func (c *ControlPlane) User(name string, groups ...string) (config *rest.Config, kubeconfig string, err error) {
	return c.user(c.url(), "", name, groups)
}

// user gives each way to the API server its own kubeconfig: suffix tells them
// apart.
func (c *ControlPlane) user(apiURL, suffix, name string, groups []string) (*rest.Config, string, error) {
	pair, err := c.keys.Clients.Client(name, groups...)
	if err != nil {
		return nil, "", fmt.Errorf("creating user %s: %w", name, err)
	}
	dir := filepath.Join(string(c.dir), "users")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, url.PathEscape(name)+suffix+".kubeconfig")
	err = layout.WriteKubeconfig(path, apiURL, c.keys.Serving.CertPEM, name, pair)
	return c.config(apiURL, pair), path, err
}

// Token creates the service account if need be, and its namespace, and returns
// a bearer token for it, good for an hour. It calls the API server.
func (c *ControlPlane) Token(ctx context.Context, namespace, name string) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	_, err := c.kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("creating namespace %s: %w", namespace, err)
	}
	accounts := c.kube.CoreV1().ServiceAccounts(namespace)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err = accounts.Create(ctx, account, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("creating service account %s/%s: %w", namespace, name, err)
	}
	answer, err := accounts.CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("requesting token of %s/%s: %w", namespace, name, err)
	}
	return answer.Status.Token, nil
}

// TokenConfig returns a config that authenticates with the bearer token alone.
// The caller may change it.
func (c *ControlPlane) TokenConfig(token string) *rest.Config {
	config := c.Config()
	config.CertData, config.KeyData = nil, nil
	config.BearerToken = token
	return config
}

// ServingCert returns a new certificate for a TLS server on 127.0.0.1 or
// localhost, such as a webhook, or of that name, and the bundle with which the
// API server and clients verify it.
func (c *ControlPlane) ServingCert(name string) (cert tls.Certificate, caBundle []byte, err error) {
	pair, err := c.keys.Serving.Server(name)
	if err != nil {
		return cert, nil, fmt.Errorf("creating serving certificate %s: %w", name, err)
	}
	cert, err = pair.TLS()
	return cert, c.keys.Serving.CertPEM, err
}

// ServingFiles is ServingCert in files of a directory: tls.crt, tls.key, and client-ca.crt
// with the CA of the users' certificates.
func (c *ControlPlane) ServingFiles(dir, name string) (caBundle []byte, err error) {
	pair, err := c.keys.Serving.Server(name)
	if err != nil {
		return nil, fmt.Errorf("creating serving certificate %s: %w", name, err)
	}
	for file, data := range map[string][]byte{"tls.crt": pair.Cert, "tls.key": pair.Key, "client-ca.crt": c.keys.Clients.CertPEM} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			return nil, err
		}
	}
	return c.keys.Serving.CertPEM, nil
}
