package defects

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// objects are the defects of objects that a look at them shows.
func objects() []Defect {
	return []Defect{
		ofObject("CR001", "recipes", "default/pancakes", "a field leaves the schema while objects have it", fieldLoss),
		ofObject("CR002", "gates", "default/north", "a version is dropped that managedFields still name", removedVersion),
		ofObject("CR003", "ratelimits", "default/api", "the schema gets stricter than what is stored", invalid),
		ofObject("CR005", "replicas", "default/second", "the owner is deleted, and nobody collects what it owned", orphan).after(3 * minute),
		ofObject("CR008", "mailers", "default/alerts", "a password stands in the spec", plainSecret),
		ofObject("CR010", "bindings", "default/shop", "what the spec refers to was never created", dangling).after(10 * minute),
		ofObject("CR011", "archives", "default/2025", "a controller collects everything in one object", large),
		ofObject("CR013", "notes", "default/long", "annotations near the limit of the API server", annotated),
		ofObject("CR014", "boards", "default/shared", "every run of a tool has a manager name of its own", bloated),
		ofObject("CR015", "pumps", "default/main", "conditions without a reason, and a status of their own", odd),
		ofObject("CR017", "stacks", "default/web", "the template of a type that was removed years ago", embedded),
		ofObject("META001", "waivers", "default/legacy", "an exemption was given until a day that has come", expired),
	}
}

func fieldLoss(ctx context.Context, p *planter) error {
	d := one("recipes", "Recipe", "{spec: {type: object, properties: {title: {type: string}, allergens: {type: string}}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "pancakes", "spec: {title: Pancakes, allergens: milk}"); err != nil {
		return err
	}
	return p.define(ctx, one("recipes", "Recipe", titled))
}

func removedVersion(ctx context.Context, p *planter) error {
	d := definition{plural: "gates", kind: "Gate", versions: []version{
		{name: "v1", stored: true, properties: titled}, {name: "v1alpha1", properties: titled},
	}}
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, legacy, d, "v1alpha1", "north", "spec: {title: North}"); err != nil {
		return err
	}
	d.versions = d.versions[:1]
	return p.define(ctx, d)
}

func invalid(ctx context.Context, p *planter) error {
	d := one("ratelimits", "RateLimit", "{spec: {type: object, properties: {rate: {type: integer}}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "api", "spec: {rate: 5000}"); err != nil {
		return err
	}
	return p.define(ctx, one("ratelimits", "RateLimit", "{spec: {type: object, required: [unit], properties: {rate: {type: integer, maximum: 1000}, unit: {type: string}}}}"))
}

func orphan(ctx context.Context, p *planter) error {
	d := one("replicas", "Replica", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "first", "spec: {title: First}"); err != nil {
		return err
	}
	if err := p.write(ctx, controller, d, "v1", "second", "spec: {title: Second}"); err != nil {
		return err
	}
	err := p.update(ctx, controller, d, "second", func(o *unstructured.Unstructured) error {
		uid, err := p.uid(ctx, d, "first")
		if err != nil {
			return err
		}
		return unstructured.SetNestedSlice(o.Object, []any{map[string]any{
			"apiVersion": Group + "/v1", "kind": d.kind, "name": "first", "uid": uid, "controller": true,
		}}, "metadata", "ownerReferences")
	})
	if err != nil {
		return err
	}
	return p.delete(ctx, d, "first")
}

func plainSecret(ctx context.Context, p *planter) error {
	d := one("mailers", "Mailer", "{spec: {type: object, properties: {host: {type: string}, smtpPassword: {type: string}}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "alerts", "spec: {host: mail.example.com, smtpPassword: Tr0ub4dor-and-3}")
}

func dangling(ctx context.Context, p *planter) error {
	d := one("bindings", "Binding", "{spec: {type: object, properties: {targetRef: {type: object, properties: {apiVersion: {type: string}, kind: {type: string}, name: {type: string}}}}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "shop", "spec: {targetRef: {apiVersion: "+Group+"/v1, kind: Binding, name: nowhere}}")
}

func large(ctx context.Context, p *planter) error {
	d := one("archives", "Archive", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	const kilobytes = 600
	return p.write(ctx, controller, d, "v1", `"2025"`, fmt.Sprintf("spec: {title: %s}", strings.Repeat("x", kilobytes<<10)))
}

func annotated(ctx context.Context, p *planter) error {
	d := one("notes", "Note", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "long", "spec: {title: Long}"); err != nil {
		return err
	}
	const kilobytes = 210
	return p.update(ctx, developer, d, "long", func(o *unstructured.Unstructured) error {
		o.SetAnnotations(map[string]string{"example.com/story": strings.Repeat("x", kilobytes<<10)})
		return nil
	})
}

func bloated(ctx context.Context, p *planter) error {
	d := one("boards", "Board", "{spec: {type: object, additionalProperties: {type: string}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	const managers = 20
	for i := range managers {
		if err := p.write(ctx, fmt.Sprintf("deploy-run-%d", i), d, "v1", "shared", fmt.Sprintf(`spec: {run%d: "done"}`, i)); err != nil {
			return err
		}
	}
	return nil
}

func odd(ctx context.Context, p *planter) error {
	d := one("pumps", "Pump", "{spec: {type: object, properties: {title: {type: string}}}, status: {type: object, properties: {conditions: {type: array, items: {type: object, properties: {type: {type: string}, status: {type: string}, reason: {type: string}, message: {type: string}, lastTransitionTime: {type: string}}}}}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "main", "spec: {title: Main}"); err != nil {
		return err
	}
	return p.status(ctx, d, "main", `conditions: [{type: Ready, status: "yes"}, {type: Ready, status: "True"}]`)
}

func embedded(ctx context.Context, p *planter) error {
	d := one("stacks", "Stack", "{spec: {type: object, properties: {ingress: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "web", "spec: {ingress: {apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: web}, spec: {rules: []}}}")
}

func expired(ctx context.Context, p *planter) error {
	d := one("waivers", "Waiver", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "legacy", "spec: {title: Legacy}"); err != nil {
		return err
	}
	return p.update(ctx, developer, d, "legacy", func(o *unstructured.Unstructured) error {
		o.SetAnnotations(map[string]string{"ignore.crdwatch.io/CR008": "moves to a Secret with the next release; until=2026-06-30"})
		return nil
	})
}
