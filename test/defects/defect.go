package defects

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Group is the API group of what is planted, and Watched that of what somebody has to
// watch.
const (
	Group   = "broken.crdwatch.io"
	Watched = "watched.crdwatch.io"
)

// Cluster is where defects are planted: *controlplane.ControlPlane.
type Cluster interface {
	ApplyAs(ctx context.Context, manager string, manifest []byte) error
	Rewrite(ctx context.Context, key string, change func(stored []byte) ([]byte, error)) error
	Config() *rest.Config
}

// Defect is something wrong in a cluster.
type Defect struct {
	// Rule is the ID of the rule that finds it.
	Rule string
	// Object is namespace/name or name, Resource is plural.group of what it is found
	// in; of a CRD, Resource is that of CRDs.
	Resource, Object string
	// Story says how it comes about, in one sentence.
	Story string
	// After is how long it must have lasted to be found; 0: it is found at once.
	After time.Duration

	plant func(context.Context, *planter) error
	// happen is what has to be watched; nil for what is there to be seen.
	happen func(context.Context, *planter) error
}

// planter writes to a cluster.
type planter struct {
	Cluster
	client dynamic.Interface
}

// Plant produces defects, one after the other. Each has types of its own, so that
// none disturbs another. Of those that have to be watched it makes what is there before.
func Plant(ctx context.Context, c Cluster, defects ...Defect) error {
	p, err := newPlanter(c)
	if err != nil {
		return err
	}
	for _, d := range defects {
		if err := d.plant(ctx, p); err != nil {
			return fmt.Errorf("planting %s in %s: %w", d.Rule, d.Resource, err)
		}
	}
	return nil
}

// Happen lets happen what has to be watched, of defects that are planted.
func Happen(ctx context.Context, c Cluster, defects ...Defect) error {
	p, err := newPlanter(c)
	if err != nil {
		return err
	}
	for _, d := range defects {
		if err := d.happen(ctx, p); err != nil {
			return fmt.Errorf("letting happen %s in %s: %w", d.Rule, d.Resource, err)
		}
	}
	return nil
}

func newPlanter(c Cluster) (*planter, error) {
	config := c.Config()
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &planter{Cluster: c, client: client}, nil
}

const (
	crdResource = "customresourcedefinitions.apiextensions.k8s.io"
	minute      = time.Minute
	day         = 24 * time.Hour
)

// ofCRD is a defect of the CRD of plural.
func ofCRD(rule, plural, story string, plant func(context.Context, *planter) error) Defect {
	return Defect{Rule: rule, Resource: crdResource, Object: plural + "." + Group, Story: story, plant: plant}
}

// ofObject is a defect of the object of plural that has the singular's name.
func ofObject(rule, plural, object, story string, plant func(context.Context, *planter) error) Defect {
	return Defect{Rule: rule, Resource: plural + "." + Group, Object: object, Story: story, plant: plant}
}

func (d Defect) after(t time.Duration) Defect {
	d.After = t
	return d
}

// All returns the defects that are there to be seen: one look is enough.
func All() []Defect {
	return append(append(definitions(), objects()...), lives()...)
}
