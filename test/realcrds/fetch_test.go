package realcrds

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/test/module"
)

// fetchParallel is how many modules are downloaded at once.
const fetchParallel = 4

// manifest is a CRD as its project publishes it.
type manifest struct {
	name, yaml string
	// origin is the module that it comes from.
	origin string
}

// fetch returns the CRDs of all sources, in the order of the sources and of the
// names of their files.
func fetch(t *testing.T) []manifest {
	t.Helper()
	found := make([][]manifest, len(sources))
	errs := make([]error, len(sources))
	work := t.TempDir() // not within a module, so that none is changed
	var g errgroup.Group
	g.SetLimit(fetchParallel)
	for i, s := range sources {
		if !strings.Contains(s.module, *only) {
			continue
		}
		g.Go(func() error {
			found[i], errs[i] = s.fetch(t.Context(), work)
			return nil
		})
	}
	_ = g.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(found...)
	requireUnique(t, all)
	return all
}

// requireUnique fails if two sources carry the same CRD: the patterns should tell
// which of them is meant.
func requireUnique(t *testing.T, all []manifest) {
	t.Helper()
	seen := map[string]manifest{}
	for _, c := range all {
		if other, ok := seen[c.name]; ok {
			t.Fatalf("%s is both in %s and in %s", c.name, other.origin, c.origin)
		}
		seen[c.name] = c
	}
}

func (s source) fetch(ctx context.Context, work string) ([]manifest, error) {
	dir, err := module.Module{Path: s.module, Version: s.version, Sum: s.sum}.Download(ctx, work)
	if err != nil {
		return nil, err
	}
	var out []manifest
	for _, pattern := range s.files {
		paths, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("%s@%s has no file %s", s.module, s.version, pattern)
		}
		for _, path := range paths {
			found, err := readCRDs(path)
			if err != nil {
				return nil, fmt.Errorf("reading %s of %s@%s: %w", filepath.Base(path), s.module, s.version, err)
			}
			for _, m := range found {
				m.origin = s.module
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// readCRDs returns the CRDs in a file, which may have other objects too. They stay
// YAML: the API server reads that too, and several times as fast as a test with the
// race detector does.
func readCRDs(path string) ([]manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []manifest
	for doc := range strings.SplitSeq("\n"+string(data), "\n---") {
		if !strings.Contains(doc, "\nkind: CustomResourceDefinition") {
			continue
		}
		m := manifest{name: nameOf(doc), yaml: doc[strings.Index(doc, "\n"):]}
		if m.name == "" {
			return nil, errors.New("a CRD has no name")
		}
		out = append(out, m)
	}
	return out, nil
}

// nameOf returns metadata.name of a YAML document in the usual style.
func nameOf(doc string) string {
	_, meta, _ := strings.Cut(doc, "\nmetadata:\n")
	indent := meta[:len(meta)-len(strings.TrimLeft(meta, " "))]
	for line := range strings.Lines(meta) {
		if !strings.HasPrefix(line, " ") {
			return ""
		}
		if name, ok := strings.CutPrefix(line, indent+"name:"); ok {
			return strings.Trim(name, " \n\"'")
		}
	}
	return ""
}
