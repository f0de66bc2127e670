package defects

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// lives are the defects that only time shows.
func lives() []Defect {
	return []Defect{
		ofObject("CR004", "topics", "default/orders", "deleted, and the controller of its finalizer is gone", stuck).after(15 * minute),
		ofObject("CR006", "pipelines", "default/nightly", "not ready, and nothing happens", failing).after(15 * minute),
		ofObject("CR009", "replications", "default/eu", "suspended for a while, and forgotten", suspended).after(week),
		ofObject("CR016", "volumes", "default/data", "a finalizer of a product that is not installed any more", zombie).after(31 * day),
		ofObject("CRD009", "tenancies", "leaving", "a namespace that cannot go, because an object in it does not", blockedNamespace).after(15 * minute),
		ofCRD("CRD010", "batches", "the controller is gone, and new objects stay as they were created", abandoned).after(week),
		{Rule: "CRD013", Resource: crdResource, Object: "relics." + forgotten, Story: "a CRD that nobody uses", After: 31 * day, plant: unused},
		ofCRD("CRD015", "moves", "a migration of stored objects that does not come to an end", slowMigration).after(61 * minute),
	}
}

// week is a bit more than one, as what is counted by the hour takes.
const week = 7*day + time.Hour

// forgotten is a group of which nothing is used.
const forgotten = "forgotten.example.net"

const withStatus = "{spec: {type: object, properties: {title: {type: string}, suspend: {type: boolean}}}, " +
	"status: {type: object, properties: {observedGeneration: {type: integer}, conditions: {type: array, items: {type: object, properties: " +
	"{type: {type: string}, status: {type: string}, reason: {type: string}, message: {type: string}, lastTransitionTime: {type: string, format: date-time}}}}}}}"

func stuck(ctx context.Context, p *planter) error {
	d := one("topics", "Topic", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.finalized(ctx, d, "orders", Group+"/purge"); err != nil {
		return err
	}
	return p.delete(ctx, d, "orders")
}

// finalized writes an object, and a controller adds a finalizer to it.
func (p *planter) finalized(ctx context.Context, d definition, name, finalizer string) error {
	if err := p.write(ctx, developer, d, "v1", name, "spec: {title: Data}"); err != nil {
		return err
	}
	return p.update(ctx, controller, d, name, func(o *unstructured.Unstructured) error {
		o.SetFinalizers([]string{finalizer})
		return nil
	})
}

func failing(ctx context.Context, p *planter) error {
	d := one("pipelines", "Pipeline", withStatus)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "nightly", "spec: {title: Nightly}"); err != nil {
		return err
	}
	return p.status(ctx, d, "nightly", fmt.Sprintf(
		`{observedGeneration: 1, conditions: [{type: Ready, status: "False", reason: BuildFailed, message: "step compile exited with 2", lastTransitionTime: %q}]}`,
		time.Now().UTC().Format(time.RFC3339)))
}

func suspended(ctx context.Context, p *planter) error {
	d := one("replications", "Replication", withStatus)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "eu", "spec: {title: EU, suspend: true}")
}

func zombie(ctx context.Context, p *planter) error {
	d := one("volumes", "Volume", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.finalized(ctx, d, "data", "storage.vanished.example.org/protect")
}

func blockedNamespace(ctx context.Context, p *planter) error {
	d := one("tenancies", "Tenancy", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	const namespace = "leaving"
	if err := p.ApplyAs(ctx, platform, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: "+namespace+"}}")); err != nil {
		return err
	}
	text := fmt.Sprintf("{apiVersion: %s/v1, kind: Tenancy, metadata: {name: acme, namespace: %s, finalizers: [%s/release]}, spec: {title: Acme}}", Group, namespace, Group)
	if err := p.ApplyAs(ctx, controller, []byte(text)); err != nil {
		return err
	}
	if err := p.client.Resource(d.gvr("v1")).Namespace(namespace).Delete(ctx, "acme", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return p.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Delete(ctx, namespace, metav1.DeleteOptions{})
}

func unused(ctx context.Context, p *planter) error {
	d := one("relics", "Relic", titled)
	d.group = forgotten
	return p.define(ctx, d)
}

func slowMigration(ctx context.Context, p *planter) error {
	d := one("moves", "Move", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.create(ctx, []byte(fmt.Sprintf(
		"{apiVersion: storagemigration.k8s.io/v1, kind: StorageVersionMigration, metadata: {name: moves}, spec: {resource: {group: %s, resource: moves}}}", Group)))
}

// create creates a CRD, or a StorageVersionMigration, without waiting for anything.
func (p *planter) create(ctx context.Context, manifest []byte) error {
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(manifest, &o.Object); err != nil {
		return err
	}
	gvr := crds
	if o.GetKind() != "CustomResourceDefinition" {
		gvr = schema.GroupVersionResource{Group: "storagemigration.k8s.io", Version: "v1", Resource: "storageversionmigrations"}
	}
	_, err := p.client.Resource(gvr).Create(ctx, o, metav1.CreateOptions{FieldManager: platform})
	return err
}

// uid is the UID of an object.
func (p *planter) uid(ctx context.Context, d definition, name string) (string, error) {
	o, err := p.objects(d, "v1").Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return string(o.GetUID()), nil
}
