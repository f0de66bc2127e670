package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"path"
	"slices"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/defects"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// manifest returns one of the embedded files. They are there, or it does not build.
func manifest(name string) []byte {
	data, _ := manifests.ReadFile(path.Join("manifests", name))
	return data
}

// installed is what the cluster has before crdwatch starts. The story adds the rest.
var installed = [...]string{
	"namespaces.yaml", "accounts.yaml", "backups.yaml", "caches.yaml", "databases.yaml",
	"experiments.yaml", "queues.yaml", "tenants.yaml", "websites.yaml",
}

// install writes the samples as gitops-sync, who keeps them as they are.
func install(ctx context.Context, cluster *controlplane.ControlPlane) error {
	var all [][]byte
	for _, name := range installed {
		all = append(all, manifest(name))
	}
	if err := cluster.ApplyAs(ctx, gitopsSync, bytes.Join(all, []byte("\n---\n"))); err != nil {
		return fmt.Errorf("installing the samples: %w", err)
	}
	if err := defects.Plant(ctx, cluster, planted()...); err != nil {
		return fmt.Errorf("planting defects for the audit: %w", err)
	}
	return nil
}

// unlistable are the rules about types that cannot be listed. The API server says so only
// after a second, in which whoever begins to watch all types waits with the next ones: what
// the story begins with would be over before it is seen.
var unlistable = [...]string{"CRD001", "CRD002"}

// planted are the defects that an audit finds at once, and that keep nobody waiting.
func planted() []defects.Defect {
	return slices.DeleteFunc(defects.All(), func(d defects.Defect) bool {
		return d.After > 0 || slices.Contains(unlistable[:], d.Rule)
	})
}

// late are those that come when crdwatch serve was killed and is back: then all watch.
func late() []defects.Defect {
	return slices.DeleteFunc(defects.All(), func(d defects.Defect) bool {
		return d.After > 0 || !slices.Contains(unlistable[:], d.Rule)
	})
}
