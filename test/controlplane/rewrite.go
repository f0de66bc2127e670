package controlplane

import (
	"context"
	"encoding/base64"
	"fmt"
)

// Rewrite changes an object where it is stored, past the API server: that is how to have
// what an older API server left behind, or an object that is older than the control
// plane. Of a custom resource, key is GROUP/PLURAL/NAMESPACE/NAME (without NAMESPACE for
// what is cluster-scoped), of a CRD apiextensions.k8s.io/customresourcedefinitions/NAME;
// stored is its JSON. The API server takes it for a write like any other: it sends an
// event with a new resourceVersion. change is called again when somebody else writes at
// the same time.
func (c *ControlPlane) Rewrite(ctx context.Context, key string, change func(stored []byte) ([]byte, error)) error {
	encoded := base64.StdEncoding.EncodeToString([]byte("/registry/" + key))
	for ctx.Err() == nil {
		done, err := c.rewriteOnce(ctx, encoded, change)
		if err != nil {
			return fmt.Errorf("rewriting %s in etcd: %w", key, err)
		}
		if done {
			return nil
		}
	}
	return ctx.Err()
}

// rewriteOnce reports false if somebody else was faster. key is base64, as all bytes are
// in etcd's JSON.
func (c *ControlPlane) rewriteOnce(ctx context.Context, key string, change func([]byte) ([]byte, error)) (bool, error) {
	var found struct {
		KVs []struct {
			Value       []byte `json:"value"`
			ModRevision string `json:"mod_revision"`
		} `json:"kvs"`
	}
	if err := c.callEtcd(ctx, "/v3/kv/range", map[string]any{"key": key}, &found); err != nil {
		return false, err
	}
	if len(found.KVs) != 1 {
		return false, fmt.Errorf("there are %d of it", len(found.KVs))
	}
	changed, err := change(found.KVs[0].Value)
	if err != nil {
		return false, err
	}
	var answer struct {
		Succeeded bool `json:"succeeded"`
	}
	err = c.callEtcd(ctx, "/v3/kv/txn", map[string]any{
		"compare": []any{map[string]any{"key": key, "target": "MOD", "mod_revision": found.KVs[0].ModRevision}},
		"success": []any{map[string]any{"request_put": map[string]any{"key": key, "value": changed}}},
	}, &answer)
	return answer.Succeeded, err
}
