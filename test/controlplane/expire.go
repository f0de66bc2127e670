package controlplane

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// errStopped is what needs a running control plane answers without one.
var errStopped = errors.New("control plane is not running")

// Expire makes every resourceVersion that was handed out so far too old: once it
// returns, resuming a watch from one, or listing exactly at one, is answered
// with 410. It restarts the API server, which ends all watches with a clean EOF,
// and blocks until it is ready again.
//
// Three steps are needed, and their order matters:
//
//  1. Raise etcd's revision, by two writes that are no objects: a watch from
//     the revision just before the one that etcd was compacted at is still
//     answered, since nothing between is lost, and so is a watch from the
//     revision of a watch cache's first list.
//  2. Compact etcd, for all that reads past the watch caches (--watch-cache=false,
//     exact lists, continue tokens).
//  3. Restart: a watch cache keeps its history in memory, at least 75 s or 100
//     events of it, whatever etcd forgets. A new one knows nothing before its
//     first list.
//
// Where a running watch is to see a 410, ErrorEvent of a Proxy does it without a
// restart.
func (c *ControlPlane) Expire(ctx context.Context) error {
	var revision int64
	for range 2 {
		var err error
		if revision, err = c.raiseRevision(ctx); err != nil {
			return err
		}
	}
	if err := c.Compact(ctx, revision); err != nil {
		return err
	}
	return c.Restart(ctx)
}

// Compact drops etcd's history before the revision, which is what the API server
// calls resourceVersion, and blocks until it is gone. The API server does not
// notice at once: its watch caches still answer from memory (see Expire).
func (c *ControlPlane) Compact(ctx context.Context, revision int64) error {
	_, err := c.etcd(ctx, "/v3/kv/compaction", map[string]any{"revision": revision, "physical": true})
	if err != nil {
		return fmt.Errorf("compacting etcd at %d: %w", revision, err)
	}
	return nil
}

// raiseRevision writes a key that the API server never reads, and returns the
// revision after it.
func (c *ControlPlane) raiseRevision(ctx context.Context) (int64, error) {
	key := base64.StdEncoding.EncodeToString([]byte("/controlplane/expire"))
	revision, err := c.etcd(ctx, "/v3/kv/put", map[string]any{"key": key, "value": key})
	if err != nil {
		return 0, fmt.Errorf("raising etcd's revision: %w", err)
	}
	return revision, nil
}

// etcd calls etcd and returns the revision of the answer's header.
func (c *ControlPlane) etcd(ctx context.Context, path string, body any) (int64, error) {
	var answer struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := c.callEtcd(ctx, path, body, &answer); err != nil {
		return 0, err
	}
	return strconv.ParseInt(answer.Header.Revision, 10, 64)
}

// callEtcd calls etcd's JSON gateway, so that this module's helper needs no etcd client.
func (c *ControlPlane) callEtcd(ctx context.Context, path string, body, answer any) error {
	url := c.ready().Etcd
	if url == "" {
		return errStopped
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if data, err = io.ReadAll(response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd answered %s: %s", response.Status, data)
	}
	return json.Unmarshal(data, answer)
}
