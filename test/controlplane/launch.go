package controlplane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/discovery"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
)

// AssetsEnv names the environment variable for a directory with the binaries
// etcd and kube-apiserver; where it is set, they run instead of our own build.
const AssetsEnv = "KUBEBUILDER_ASSETS"

// readyDeadline is how long a start may take once the binary is there.
const readyDeadline = 2 * time.Minute

// instance is one run of the control plane, from a start to a stop.
type instance struct {
	procs []*process // kube-apiserver first: it is stopped first
	ready layout.Ready
}

func (i *instance) stop() {
	for _, p := range i.procs {
		p.stop()
	}
}

func (i *instance) kill() {
	for _, p := range i.procs {
		p.kill()
	}
}

// launch blocks until the API server is ready, or fails and leaves nothing.
func (c *ControlPlane) launch(ctx context.Context) (*instance, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyDeadline, errors.New("not ready in time"))
	defer cancel()
	start := c.launchOwn
	if c.assets != "" {
		start = c.launchAssets
	}
	i, err := start(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting control plane: %w\n%s", err, logTail(c.dir.Log()))
	}
	return i, nil
}

// launchOwn starts our own command and waits for its ready line.
func (c *ControlPlane) launchOwn(ctx context.Context) (*instance, error) {
	out, in := io.Pipe()
	defer out.Close()
	args := append([]string{
		"--data-dir=" + string(c.dir), "--secure-port=" + strconv.Itoa(c.port), "--exit-with-parent", "--",
	}, c.flags...)
	p, err := startProcess(c.binary, args, c.dir.Log(), in)
	if err != nil {
		return nil, err
	}
	i := &instance{procs: []*process{p}}
	lines := make(chan string, 1)
	go func() {
		defer close(lines)
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil {
			lines <- line
		}
	}()
	// The reader ends when the pipe does; all of ours have ended by then.
	defer func() { in.Close(); <-lines }()

	select {
	case line := <-lines:
		err = json.Unmarshal([]byte(line), &i.ready)
	case <-p.done:
		err = fmt.Errorf("it exited: %w", errors.Join(p.err, errNotReady))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		i.kill()
		return nil, err
	}
	return i, nil
}

var errNotReady = errors.New("before it was ready")

// launchAssets starts the two binaries of KUBEBUILDER_ASSETS with the same
// flags and certificates as our own command.
func (c *ControlPlane) launchAssets(ctx context.Context) (*instance, error) {
	clientPort, err := layout.FreePort()
	if err != nil {
		return nil, err
	}
	peerPort, err := layout.FreePort()
	if err != nil {
		return nil, err
	}
	etcdURL := fmt.Sprintf("http://127.0.0.1:%d", clientPort)
	etcd, err := startProcess(filepath.Join(c.assets, "etcd"), c.dir.EtcdArgs(etcdURL, peerPort), c.dir.Log(), nil)
	if err != nil {
		return nil, err
	}
	server, err := startProcess(filepath.Join(c.assets, "kube-apiserver"),
		c.dir.APIServerArgs(etcdURL, c.port, c.flags), c.dir.Log(), nil)
	if err != nil {
		etcd.kill()
		return nil, err
	}
	i := &instance{procs: []*process{server, etcd}, ready: layout.Ready{
		URL: c.url(), Kubeconfig: c.Kubeconfig(), Etcd: etcdURL, Log: c.dir.Log(), PID: server.cmd.Process.Pid,
	}}
	if i.ready.Version, err = c.waitReady(ctx, server, etcd); err != nil {
		i.kill()
		return nil, err
	}
	return i, nil
}

// waitReady polls /readyz until it is ok and returns the version.
func (c *ControlPlane) waitReady(ctx context.Context, server, etcd *process) (string, error) {
	client, err := discovery.NewDiscoveryClientForConfigAndClient(c.Config(), c.client)
	if err != nil {
		return "", err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var status int
		client.RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
		if status == http.StatusOK {
			break
		}
		select {
		case <-tick.C:
		case <-server.done:
			return "", fmt.Errorf("kube-apiserver exited: %w", errors.Join(server.err, errNotReady))
		case <-etcd.done:
			return "", fmt.Errorf("etcd exited: %w", errors.Join(etcd.err, errNotReady))
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	info, err := client.ServerVersion()
	if err != nil {
		return "", fmt.Errorf("asking for the version: %w", err)
	}
	return info.GitVersion, nil
}

// logTail returns the log's last lines, for an error message.
func logTail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
