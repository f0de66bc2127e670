package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const (
	// systemNamespace is there in every cluster, for its life: its UID is the
	// cluster's identity.
	systemNamespace = "kube-system"
	// The pauses between attempts to read it, and how long one may take.
	identityRetryMin = 250 * time.Millisecond
	identityRetryMax = 10 * time.Second
	identityTimeout  = 10 * time.Second
	// systemPatience is how long the namespace may be missing: an API server that is
	// new creates it some moments after it has begun to answer.
	systemPatience = 30 * time.Second
)

// identity says whether it is known that the history is of this cluster.
type identity struct {
	known atomic.Bool
}

// missing is what a probe says; it may be read by anyone.
func (i *identity) missing() error {
	if i.known.Load() {
		return nil
	}
	return errors.New("the API server has not said yet which cluster this is")
}

// identify makes sure that the history is of the cluster behind client. It waits for
// the API server as long as it takes. The error is a *store.OtherClusterError, or the
// end of ctx.
func (h *dataDir) identify(ctx context.Context, client dynamic.Interface) error {
	if h.store == nil {
		return nil
	}
	uid, err := h.clusterUID(ctx, client)
	if err != nil {
		return err
	}
	if err := h.store.Identify(ctx, uid); err != nil {
		return fmt.Errorf("checking whose history this is: %w", err)
	}
	h.cluster.known.Store(true)
	return nil
}

// clusterUID returns nothing where the API server will not tell.
func (h *dataDir) clusterUID(ctx context.Context, client dynamic.Interface) (string, error) {
	var absent time.Time // since when it is missing
	logged := false
	for pause := identityRetryMin; ; pause = min(2*pause, identityRetryMax) {
		uid, err := readClusterUID(ctx, client)
		if !apierrors.IsNotFound(err) {
			absent = time.Time{}
		} else if absent.IsZero() {
			absent = time.Now()
		}
		switch {
		case err == nil:
			return uid, nil
		case apierrors.IsForbidden(err), !absent.IsZero() && time.Since(absent) > systemPatience:
			h.log.Warn("The data directory cannot be checked against the cluster: it is up to you that it is the right one. "+
				"To have it checked, allow get on the namespace kube-system", "err", err)
			return "", nil
		case !logged && ctx.Err() == nil:
			logged = true
			h.log.Warn("Waiting for the API server to say which cluster this is", "err", err)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("asking which cluster this is: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

func readClusterUID(ctx context.Context, client dynamic.Interface) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	namespaces := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	ns, err := namespaces.Get(ctx, systemNamespace, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return string(ns.GetUID()), nil
}
