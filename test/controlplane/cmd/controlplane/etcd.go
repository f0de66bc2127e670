//go:build !race

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
)

// etcdQuota holds a million custom resources of several KB each.
const etcdQuota = 16 << 30

type etcdServer struct {
	*embed.Etcd
	url string
}

// startEtcd blocks until etcd serves on a port that it draws. The port may
// change with each start: only the API server next to it needs it.
func startEtcd(dir layout.Dir) (*etcdServer, error) {
	for {
		port, err := layout.FreePort()
		if err != nil {
			return nil, err
		}
		e, err := startEtcdAt(dir, port)
		// Somebody else was faster: draw again.
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("starting etcd: %w", err)
		}
		return e, nil
	}
}

func startEtcdAt(dir layout.Dir, port int) (*etcdServer, error) {
	client := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	cfg := embed.NewConfig()
	cfg.Name = "controlplane"
	cfg.Dir = dir.Etcd()
	cfg.ListenClientUrls = []url.URL{client}
	cfg.AdvertiseClientUrls = []url.URL{client}
	// A single member has no peers: it advertises a URL, since it must, and
	// listens nowhere.
	cfg.ListenPeerUrls = nil
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true
	cfg.QuotaBackendBytes = etcdQuota
	cfg.LogLevel = "warn"
	cfg.LogOutputs = []string{dir.Log()}

	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	select {
	case <-e.Server.ReadyNotify():
		return &etcdServer{Etcd: e, url: client.String()}, nil
	case err = <-e.Err():
	case <-ctx.Done():
		err = errors.New("not ready within 30 s")
	}
	e.Close()
	return nil, err
}
