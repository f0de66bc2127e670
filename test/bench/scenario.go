package main

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/bench/internal/synth"
	"github.com/crdwatch/crdwatch/test/controlplane"
)

// The names of the scenarios.
const (
	objectsScenario = "objects"
	crdsScenario    = "crds"
)

// scenario is one state of a cluster.
type scenario struct {
	name string
	// parameters are the options that the fixture depends on.
	parameters func(options) string
	fill       func(context.Context, *bench, *controlplane.ControlPlane) (fixture, error)
	describe   func(report) string
	measures   []measure
	budgets    []budget
}

var scenarios = map[string]scenario{
	objectsScenario: {
		name: objectsScenario,
		parameters: func(o options) string {
			return fmt.Sprintf("%d objects of %d bytes, %d kinds, seed %d", o.objects, o.size, o.kinds, o.seed)
		},
		fill: fillObjects, describe: describeObjects, measures: objectMeasures(), budgets: objectBudgets(),
	},
	crdsScenario: {
		name: crdsScenario,
		parameters: func(o options) string {
			return fmt.Sprintf("%d CRDs, median %d bytes, seed %d", o.crds, o.schema, o.seed)
		},
		fill: fillCRDs, describe: describeCRDs, measures: crdMeasures(), budgets: crdBudgets(),
	},
}

func fillObjects(ctx context.Context, b *bench, cp *controlplane.ControlPlane) (fixture, error) {
	w, err := newWriter(b, cp)
	if err != nil {
		return fixture{}, err
	}
	kinds := make([]*synth.Kind, b.kinds)
	for i := range kinds {
		kinds[i] = synth.KindOfObject(b.seed, uint64(i), b.size)
	}
	f, err := w.define(ctx, objectsScenario, kinds)
	if err != nil {
		return f, err
	}
	f.Objects = b.objects
	f.Share, err = w.objects(ctx, kinds, b.objects)
	return f, err
}

func fillCRDs(ctx context.Context, b *bench, cp *controlplane.ControlPlane) (fixture, error) {
	w, err := newWriter(b, cp)
	if err != nil {
		return fixture{}, err
	}
	kinds := make([]*synth.Kind, b.crds)
	sizes := synth.SchemaSizes(b.seed, b.crds, b.schema)
	done := w.progress(ctx, crdsScenario+": made up %d of %d CRDs", b.crds)
	for i := range kinds {
		kinds[i] = synth.KindOfSchema(b.seed, uint64(i), sizes[i])
		done.Add(1)
	}
	done.stop()
	return w.define(ctx, crdsScenario, kinds)
}

// define creates the CRDs, and waits until they are served.
func (w *writer) define(ctx context.Context, scenario string, kinds []*synth.Kind) (fixture, error) {
	var f fixture
	sizes := make([]int, len(kinds))
	if err := w.create(ctx, scenario, kinds, sizes); err != nil {
		return f, err
	}
	if err := w.served(ctx, scenario, kinds); err != nil {
		return f, err
	}
	for i, k := range kinds {
		f.Resources = append(f.Resources, k.GVR())
		f.Definitions += sizes[i]
	}
	slices.Sort(sizes)
	f.Median = sizes[len(sizes)/2]
	return f, nil
}

func newWriter(b *bench, cp *controlplane.ControlPlane) (*writer, error) {
	client, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(cp.Config())
	return &writer{bench: b, client: client, discovery: d}, err
}
