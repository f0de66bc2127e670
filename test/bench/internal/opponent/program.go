package opponent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// Names of the programs.
const (
	// Naive is what anyone would write first: a default dynamic informer for each
	// CRD, and one for the CRDs, with objects whole and a handler that does nothing.
	Naive = "naive"
	// Metadata is the same with informers that know the metadata only.
	Metadata = "metadata-only"
	// Raw reads the bytes that the API server sends, and counts them.
	Raw = "raw"
	// Crdwatch is the engine of the commands, with a sink that counts.
	Crdwatch = "crdwatch"
	// Crdwatch50 is the same with debug.SetGCPercent(50).
	Crdwatch50 = "crdwatch-gc50"
)

// target is what a program is to watch.
type target struct {
	config *rest.Config
	// resources are what the raw reader reads: it decodes no CRDs to learn it.
	resources []schema.GroupVersionResource
}

// running is a program that knows every object that was there when it started.
type running interface {
	// count returns the custom resources that the program knows, and how many
	// bytes it has read if it counts them.
	count() (objects int, bytes int64)
	// stop ends the program and waits for that.
	stop()
}

// programs start a program and wait until it is synced.
var programs = map[string]func(context.Context, target) (running, error){
	Naive:      startNaive,
	Metadata:   startMetadata,
	Raw:        startRaw,
	Crdwatch:   startCrdwatch,
	Crdwatch50: startCrdwatch,
}

// Known tells whether there is a program with the name; if not, the error names all.
func Known(name string) error {
	if programs[name] != nil {
		return nil
	}
	all := slices.Sorted(maps.Keys(programs))
	return fmt.Errorf("unknown program %q, want one of: %s", name, strings.Join(all, ", "))
}
