package defects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// abandoned: the last that the controller wrote is older than the object that waits.
func abandoned(ctx context.Context, p *planter) error {
	d := one("batches", "Batch", withStatus)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "answered", "spec: {title: First}"); err != nil {
		return err
	}
	if err := p.status(ctx, d, "answered", "observedGeneration: 1"); err != nil {
		return err
	}
	if err := p.age(ctx, d, "answered", day); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "waiting", "spec: {title: Second}")
}

// age makes an object of the version v1 as old as if all that was written to it had been
// written earlier. The API server sets these times itself, so it cannot be asked.
func (p *planter) age(ctx context.Context, d definition, name string, by time.Duration) error {
	return p.Rewrite(ctx, d.apiGroup()+"/"+d.plural+"/default/"+name, func(stored []byte) ([]byte, error) {
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(stored); err != nil {
			return nil, err
		}
		created := o.GetCreationTimestamp()
		created.Time = created.Add(-by)
		o.SetCreationTimestamp(created)
		entries := o.GetManagedFields()
		for i := range entries {
			entries[i].Time.Time = entries[i].Time.Add(-by)
		}
		o.SetManagedFields(entries)
		return o.MarshalJSON()
	})
}

const (
	ports = "{spec: {type: object, properties: {ports: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [port, protocol], items: " +
		"{type: object, required: [%s], properties: {port: {type: integer}, protocol: {type: string}}}}}}}"
	bothKeys, oneKey = "port, protocol", "port"
)

// recreated: the API servers before Kubernetes 1.20 took such a list, and today's leave
// it alone as long as it is there. So it is stored as they left it, and then applied
// anew, as it stands in somebody's repository.
func recreated(ctx context.Context, p *planter) error {
	asked := one("gateways", "Gateway", fmt.Sprintf(ports, oneKey))
	if err := p.define(ctx, one("gateways", "Gateway", fmt.Sprintf(ports, bothKeys))); err != nil {
		return err
	}
	err := p.Rewrite(ctx, crds.Group+"/"+crds.Resource+"/"+asked.name(), func(stored []byte) ([]byte, error) {
		const before, after = `"required":["port","protocol"]`, `"required":["port"]`
		if !bytes.Contains(stored, []byte(before)) {
			return nil, errors.New("the schema is stored in another form")
		}
		return bytes.Replace(stored, []byte(before), []byte(after), 1), nil
	})
	if err != nil {
		return err
	}
	return p.define(ctx, asked)
}
