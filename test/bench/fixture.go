package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/synth"
)

// fixture is what an API server was filled with.
type fixture struct {
	// Parameters are the options that it depends on.
	Parameters string
	Resources  []schema.GroupVersionResource
	Objects    int
	// Share is the sum over all objects.
	Share synth.Share
	// Definitions is the JSON of all CRDs in bytes, Median that of the middle one.
	Definitions, Median int
}

// fixture fills the API server, unless dir holds what an earlier run left.
func (b *bench) fixture(ctx context.Context, s scenario, cp *controlplane.ControlPlane, dir string) (f fixture, filled bool, err error) {
	parameters := s.parameters(b.options)
	path := filepath.Join(dir, "fixture.json")
	if dir != "" {
		kept, err := readFixture(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return kept, false, err
		case kept.Parameters != parameters:
			return kept, false, fmt.Errorf("%s holds the data of %s, wanted is %s", dir, kept.Parameters, parameters)
		default:
			b.say("%s: using what is there", s.name)
			return kept, false, nil
		}
	}
	f, err = s.fill(ctx, b, cp)
	if err != nil || dir == "" {
		return f, true, err
	}
	f.Parameters = parameters
	data, err := json.Marshal(f)
	if err != nil {
		return f, true, err
	}
	return f, true, os.WriteFile(path, data, 0o644)
}

func readFixture(path string) (f fixture, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("reading %s: %w", path, err)
	}
	return f, nil
}
