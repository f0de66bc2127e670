package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/synth"
)

// The names of the scenarios.
const (
	objectsScenario = "objects"
	crdsScenario    = "crds"
	historyScenario = "history"
	auditScenario   = "audit"
)

// scenario is one state of a cluster.
type scenario struct {
	name string
	// parameters are the options that the fixture depends on.
	parameters func(options) string
	fill       func(context.Context, *bench, *controlplane.ControlPlane) (fixture, error)
	// run measures, on an API server that is filled.
	run func(*bench, context.Context, scenario, *controlplane.ControlPlane, fixture) (page, error)

	// These are for what compares the programs.
	describe func(report) string
	measures []measure
	budgets  []budget
}

// page is what a scenario has found out.
type page interface {
	// write writes Markdown.
	write(io.Writer) error
}

var scenarios = map[string]scenario{
	objectsScenario: {
		name:       objectsScenario,
		parameters: objectParameters,
		fill:       fillObjects, run: (*bench).compare, describe: describeObjects, measures: objectMeasures(), budgets: objectBudgets(),
	},
	crdsScenario: {
		name: crdsScenario,
		parameters: func(o options) string {
			return fmt.Sprintf("%d CRDs, median %d bytes, seed %d", o.crds, o.schema, o.seed)
		},
		fill: fillCRDs, run: (*bench).compare, describe: describeCRDs, measures: crdMeasures(), budgets: crdBudgets(),
	},
	historyScenario: {name: historyScenario, parameters: objectParameters, fill: fillObjects, run: (*bench).history},
	auditScenario: {
		name: auditScenario,
		parameters: func(o options) string {
			return fmt.Sprintf("%s, %d CRDs with rules, median %d bytes", objectParameters(o), o.crds, o.schema)
		},
		fill: fillAudit, run: (*bench).audit,
	},
}

func objectParameters(o options) string {
	return fmt.Sprintf("%d objects of %d bytes, %d kinds, seed %d", o.objects, o.size, o.kinds, o.seed)
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
