package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The programs of the cluster, by their field managers.
const (
	autoscaler         = "autoscaler"
	ciPipeline         = "ci-pipeline"
	dashboardSync      = "dashboard-sync"
	databaseController = "database-controller"
	dbaConsole         = "dba-console"
	gitopsSync         = "gitops-sync"
	legacyCachectl     = "legacy-cachectl"
	pinRotator         = "pin-rotator"
	platformTeam       = "platform-team"
	retentionJob       = "retention-job"
	tenantPortal       = "tenant-portal"
	websiteController  = "website-controller"
)

// When the turning points come, at one event a second.
const (
	upgradeAt   = 8 * time.Second
	retentionAt = 12 * time.Second
	installAt   = 20 * time.Second
	removeAt    = 40 * time.Second
)

// scenes make about one event a second together.
func (s *story) scenes() []scene {
	const second = time.Second
	return []scene{
		{databaseController, 1 * second, 2 * second, carryOn},
		{ciPipeline, 5 * second, 24 * second, openPreview},
		{ciPipeline, 22 * second, 24 * second, closePreview},
		{dbaConsole, 15 * second, 20 * second, growOrders},

		{autoscaler, 2 * second, 12 * second, scaleUp},
		{gitopsSync, 7 * second, 12 * second, s.applyAs("websites.yaml")},
		{websiteController, 4 * second, 5 * second, followReplicas},

		{legacyCachectl, 3 * second, 9 * second, resizeCache},
		{pinRotator, 6 * second, 14 * second, rotatePin},
		{tenantPortal, 10 * second, 16 * second, changeMembers},

		{platformTeam, upgradeAt, 0, s.applyAs("queues-v1.yaml")},
		{retentionJob, retentionAt, 0, deleteBackup},
		{platformTeam, installAt, 0, s.applyAs("dashboards.yaml")},
		{dashboardSync, installAt + 2*second, 0, s.applyAs("dashboard.yaml")},
		{dashboardSync, installAt + 7*second, 15 * second, changePanel},
		{platformTeam, removeAt, 0, removeExperiments},
	}
}

func sample(version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "demo.crdwatch.io", Version: version, Resource: resource}
}

func access(version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "access.crdwatch.io", Version: version, Resource: resource}
}

// scaleUp is one side of the fight; the other is gitops-sync, which puts back what
// stands in its repository.
func scaleUp(ctx context.Context, w *writer, _ int) error {
	return w.patchSpec(ctx, storefront, map[string]any{"replicas": 8})
}

// resizeCache writes the deprecated version.
func resizeCache(ctx context.Context, w *writer, turn int) error {
	sizes := []int{512, 256}
	cache := ref{sample("v1alpha1", "caches"), "shop", "sessions"}
	return w.patchSpec(ctx, cache, map[string]any{"memoryMB": sizes[turn%len(sizes)]})
}

func rotatePin(ctx context.Context, w *writer, turn int) error {
	account := ref{access("v1", "accounts"), "shop", "checkout"}
	return w.patchSpec(ctx, account, map[string]any{"pin": rand.Text(), "rotation": turn + 1})
}

func changeMembers(ctx context.Context, w *writer, turn int) error {
	members := [][]string{{"ada", "grace", "barbara"}, {"ada", "grace"}}
	tenant := ref{access("v1beta1", "tenants"), "", "acme"}
	return w.patchSpec(ctx, tenant, map[string]any{"members": members[turn%len(members)]})
}

func growOrders(ctx context.Context, w *writer, turn int) error {
	orders := ref{sample("v1", "databases"), "shop", "orders"}
	return w.patchSpec(ctx, orders, map[string]any{"storageGB": 60 + 10*turn})
}

func openPreview(ctx context.Context, w *writer, turn int) error {
	return w.create(ctx, preview(turn), "demo.crdwatch.io/v1", "Database", map[string]any{
		"engine": "postgres", "storageGB": int64(5),
	})
}

func closePreview(ctx context.Context, w *writer, turn int) error {
	return w.remove(ctx, preview(turn))
}

func preview(turn int) ref {
	return ref{sample("v1", "databases"), "preview", fmt.Sprintf("pr-%d", 1041+turn)}
}

// deleteBackup asks for what will never come about: nobody serves the finalizer.
func deleteBackup(ctx context.Context, w *writer, _ int) error {
	return w.remove(ctx, ref{sample("v1", "backups"), "shop", "nightly"})
}

func changePanel(ctx context.Context, w *writer, turn int) error {
	windows := []string{"1m", "5m"}
	dashboard := ref{sample("v1", "dashboards"), "platform", "storefront"}
	return w.patchSpec(ctx, dashboard, map[string]any{"panels": []any{
		map[string]any{"name": "orders", "query": "rate(orders_total[5m])"},
		map[string]any{"name": "errors", "query": fmt.Sprintf("rate(errors_total[%s])", windows[turn%len(windows)])},
	}})
}

func removeExperiments(ctx context.Context, w *writer, _ int) error {
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	return w.remove(ctx, ref{crds, "", "experiments.demo.crdwatch.io"})
}
