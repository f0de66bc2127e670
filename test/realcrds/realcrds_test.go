package realcrds

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// least is what the sources must carry, so that nothing gets lost unseen.
	leastCRDs, leastModules = 200, 10
	// parallel is how many CRDs are installed, and how many objects live, at once.
	parallel = 8
	deadline = 4 * time.Minute
	retryMax = 5 * time.Second
)

// TestRealCRDs is one test, because the control plane, the CRDs and the Manager are
// shared: see the package's doc.
func TestRealCRDs(t *testing.T) {
	began := time.Now()
	lap := func(what string) {
		t.Logf("%-8s %5.1f s", what, time.Since(began).Seconds())
		began = time.Now()
	}
	manifests := fetch(t)
	if *only == "" && (len(manifests) < leastCRDs || len(sources) < leastModules) {
		t.Fatalf("only %d CRDs from %d modules", len(manifests), len(sources))
	}
	lap("fetch")
	client := dynamicClient(t)
	crds := install(t, manifests[:len(manifests)/2]) // these are there when the watch begins
	w := startWatching(t)
	crds = append(crds, install(t, manifests[len(manifests)/2:])...) // and these come while it runs
	lap("install")
	checkGolden(t, crds)
	checkSchemas(t, crds)
	checkKeyedLists(t, crds)
	lap("schemas")
	w.awaitSynced(t, crds)
	lap("sync")
	lives := born(t, client, crds)
	lap("objects")
	checkFindings(t)
	lap("audit")
	live(t, lives)
	lap("lives")
	w.checkEvents(t, lives)
	checkExceptions(t, lives)
	lap("events")
	w.checkComplaints(t)
	summarize(t, lives)
}

// checkGolden compares the names and versions with those that were seen last.
func checkGolden(t *testing.T, crds []crd) {
	t.Helper()
	var lines []string
	for _, c := range crds {
		lines = append(lines, c.name+" "+c.gvr.Version+"\n")
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	path := filepath.Join("testdata", "crds.txt")
	if *update && *only == "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" && *only == "" {
		t.Errorf("%s (-want +got), run with -update if it is meant to change:\n%s", path, d)
	}
}

// checkSchemas makes a diff.Schema of every schema, of versions that are not watched
// too.
func checkSchemas(t *testing.T, crds []crd) {
	t.Helper()
	failed := map[string]error{}
	n := 0
	for _, c := range crds {
		for _, v := range c.versions {
			n++
			if _, err := diff.NewSchema(v.Schema.OpenAPIV3Schema); err != nil {
				failed[c.name+"/"+v.Name] = err
			}
		}
	}
	checkListed(t, "noSchema", noSchema, failed)
	t.Logf("%d schemas converted", n-len(failed))
}

// checkListed fails for what failed and is not in a list of exceptions, and for what
// is in the list and did not fail.
func checkListed(t *testing.T, list string, listed map[string]string, failed map[string]error) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if listed[name] == "" {
			t.Errorf("%s (not in %s): %v", name, list, failed[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if failed[name] == nil && *only == "" {
			t.Errorf("%s is in %s (%s), but it works", name, list, listed[name])
		}
	}
}

// born creates an object of every CRD.
func born(t *testing.T, client dynamic.Interface, crds []crd) []*life {
	t.Helper()
	lives := make([]*life, len(crds))
	for i, c := range crds {
		lives[i] = newLife(t, client, c)
	}
	atOnce(t, lives, func(l *life) error { return l.create(t.Context()) })
	return lives
}

// live has each of the objects live its life.
func live(t *testing.T, lives []*life) {
	t.Helper()
	atOnce(t, lives, func(l *life) error { return l.run(t.Context()) })
}

func atOnce(t *testing.T, lives []*life, do func(*life) error) {
	t.Helper()
	errs := make([]error, len(lives))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, l := range lives {
		g.Go(func() error {
			if err := do(l); err != nil {
				errs[i] = fmt.Errorf("%s: %w", l.crd.name, err)
			}
			return nil
		})
	}
	_ = g.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func checkExceptions(t *testing.T, lives []*life) {
	t.Helper()
	objects, changes, applies, statuses := map[string]error{}, map[string]error{}, map[string]error{}, map[string]error{}
	for _, l := range lives {
		for in, err := range map[*map[string]error]error{&objects: l.noObject, &changes: l.noChange, &applies: l.noApply, &statuses: l.noStatus} {
			if err != nil {
				(*in)[l.crd.name] = err
			}
		}
	}
	checkListed(t, "noObject", noObject, objects)
	checkListed(t, "noChange", noChange, changes)
	checkListed(t, "noApply", noApply, applies)
	checkListed(t, "noStatus", noStatus, statuses)
}

func summarize(t *testing.T, lives []*life) {
	t.Helper()
	var objects, writes, changes, keyed, asked int
	for _, l := range lives {
		asked += l.asked
		writes += len(l.writes)
		if len(l.writes) > 0 {
			objects++
		}
		for _, w := range l.writes {
			if w.typ != watch.Modified {
				continue
			}
			for _, c := range differences(l.schema, w.before.Object, w.after.Object) {
				changes++
				if strings.Contains(c.Path, "=") {
					keyed++
				}
			}
		}
	}
	t.Logf("%d CRDs of %d modules, %d objects, %d writes, %d changes (%d within associative lists), %d dry runs",
		len(lives), len(sources), objects, writes, changes, keyed, asked)
}
