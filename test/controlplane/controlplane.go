// Package controlplane gives tests, benchmarks and demonstrations a real
// Kubernetes API server: kube-apiserver and etcd from the Go module proxy, built
// once (about five minutes) and ready in about three seconds ever after; users,
// grants and manifests for it; and a proxy that breaks the way to it on purpose.
//
// It refuses to be a cluster: no controllers and no nodes run. Custom resources,
// RBAC, admission webhooks and service account tokens work; garbage collection
// by owner references and the end of a deleted namespace do not. It listens on
// 127.0.0.1 only, and nothing it started outlives the process that started it.
//
//	func TestWatch(t *testing.T) {
//		cp := controlplane.StartT(t, controlplane.Options{})
//		if err := cp.Apply(t.Context(), crdYAML); err != nil {
//			t.Fatal(err)
//		}
//		config, _, err := cp.User("alice")
//		…
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
	"github.com/crdwatch/crdwatch/test/controlplane/internal/pki"
)

// Options of a control plane. The zero value is good.
type Options struct {
	// Dir keeps etcd's data, certificates, kubeconfigs and the log. It may
	// hold what an earlier control plane left. Empty: a temporary directory,
	// which Close removes.
	Dir string
	// Port is the API server's port on 127.0.0.1. 0 draws a free one.
	Port int
	// Flags are given to kube-apiserver after, and so above, our own, such
	// as --feature-gates=ShardedListAndWatch=true or --watch-cache=false.
	Flags []string
	// Progress is told when something takes minutes. Nil: standard error.
	Progress io.Writer
}

// ControlPlane is one kube-apiserver with its etcd. Stop, Kill, Restart, Expire
// and Close change it and must be called one at a time; all else is safe for
// concurrent use.
type ControlPlane struct {
	dir     layout.Dir
	ownsDir bool
	port    int
	flags   []string
	binary  string // our own command, or
	assets  string // the directory of somebody's binaries
	keys    *pki.PKI

	client  *http.Client // the admin's
	dynamic dynamic.Interface
	kube    kubernetes.Interface
	applier *applier

	mu       sync.Mutex // guards instance
	instance *instance  // nil while stopped
}

// Start blocks until the API server is ready: about three seconds, and five
// minutes more if it has to be built first (see Binary). ctx bounds the start
// alone; Close ends what Start began.
func Start(ctx context.Context, opts Options) (*ControlPlane, error) {
	c, err := newControlPlane(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := c.Restart(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func newControlPlane(ctx context.Context, opts Options) (*ControlPlane, error) {
	if opts.Progress == nil {
		opts.Progress = os.Stderr
	}
	c := &ControlPlane{
		dir: layout.Dir(opts.Dir), port: opts.Port, flags: opts.Flags, assets: os.Getenv(AssetsEnv),
	}
	var err error
	if c.assets == "" {
		if c.binary, err = Binary(ctx, opts.Progress); err != nil {
			return nil, err
		}
	}
	if c.port == 0 {
		if c.port, err = layout.FreePort(); err != nil {
			return nil, fmt.Errorf("drawing a port: %w", err)
		}
	}
	if opts.Dir == "" {
		dir, err := os.MkdirTemp("", "controlplane-")
		if err != nil {
			return nil, err
		}
		c.dir, c.ownsDir = layout.Dir(dir), true
	}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// prepare creates what lies in the data directory, and the admin's clients.
func (c *ControlPlane) prepare() error {
	var err error
	if c.keys, err = pki.Ensure(c.dir.PKI()); err != nil {
		return err
	}
	err = layout.WriteKubeconfig(c.Kubeconfig(), c.url(), c.keys.Serving.CertPEM, "admin", c.keys.Admin)
	if err != nil {
		return err
	}
	config := c.Config()
	if c.client, err = rest.HTTPClientFor(config); err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, c.client); err != nil {
		return err
	}
	kube, err := kubernetes.NewForConfigAndClient(config, c.client)
	if err != nil {
		return err
	}
	c.kube, c.applier = kube, newApplier(c.dynamic, kube.Discovery())
	return nil
}

// Stop ends the API server the way an upgrade does, and keeps the data: running
// watches get a clean EOF, new connections are refused. It takes about a second
// and blocks. Stopping what is stopped does nothing.
func (c *ControlPlane) Stop() {
	if i := c.take(); i != nil {
		i.stop()
	}
}

// Kill ends the API server and etcd the way a crash does, and keeps the data:
// every acknowledged write survives. It blocks until they are gone.
func (c *ControlPlane) Kill() {
	if i := c.take(); i != nil {
		i.kill()
	}
}

// Restart stops what runs and starts it again at the same port with the same
// data; after Stop or Kill it starts. All configs and kubeconfigs stay good. It
// blocks until the API server is ready.
func (c *ControlPlane) Restart(ctx context.Context) error {
	c.Stop()
	i, err := c.launch(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instance = i
	return nil
}

// Close stops the control plane and removes the data directory if Start made
// it. Nothing of it may be used afterwards.
func (c *ControlPlane) Close() error {
	c.Stop()
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	if !c.ownsDir {
		return nil
	}
	return os.RemoveAll(string(c.dir))
}

// take hands the running instance to the caller, who ends it.
func (c *ControlPlane) take() *instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.instance
	c.instance = nil
	return i
}

// ready describes the running instance; it is zero while there is none.
func (c *ControlPlane) ready() layout.Ready {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.instance == nil {
		return layout.Ready{}
	}
	return c.instance.ready
}

func (c *ControlPlane) url() string { return fmt.Sprintf("https://127.0.0.1:%d", c.port) }

// Config returns a new config of the admin (group system:masters) without
// client-side throttling. The caller may change it.
func (c *ControlPlane) Config() *rest.Config { return c.config(c.url(), c.keys.Admin) }

func (c *ControlPlane) config(url string, client pki.Pair) *rest.Config {
	return &rest.Config{
		Host: url,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.keys.Serving.CertPEM, CertData: client.Cert, KeyData: client.Key,
		},
		QPS: -1,
	}
}

// Kubeconfig is the path of the admin's kubeconfig, inside the data directory.
func (c *ControlPlane) Kubeconfig() string { return c.dir.Kubeconfig() }

// Version is what the API server reports, such as v1.37.2; empty while stopped.
func (c *ControlPlane) Version() string { return c.ready().Version }

// PID is the process of the API server; 0 while stopped.
func (c *ControlPlane) PID() int { return c.ready().PID }

// Log is the path of the log of both etcd and kube-apiserver.
func (c *ControlPlane) Log() string { return c.dir.Log() }
