package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// status returns that of a namespaced CRD that stores and serves v1.
func status(resource, group, kind string, state watch.State, objects int) watch.Status {
	return watch.Status{
		Resource: discovery.Resource{
			CRD: resource + "." + group, UID: types.UID("uid-" + resource), Created: noon.Add(-90 * time.Minute),
			GVR:  schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource},
			Kind: kind, Namespaced: true, ServedVersions: []string{"v1", "v1alpha2"},
			StorageVersion: "v1", StoredVersions: []string{"v1"},
		},
		State: state, Since: noon.Add(-90 * time.Minute), Objects: objects, RecordBytes: int64(100 * objects),
	}
}

func cluster() []watch.Status {
	broken := status("widgets", "example.com", "Widget", watch.Broken, 3)
	broken.Reason = "ConversionFailed"
	broken.Message = "conversion webhook for example.com/v1, Kind=Widget failed:\n\x1b[31mconnection refused"
	unserved := status("gadgets", "example.com", "Gadget", watch.NotServed, 0)
	unserved.Resource.GVR.Version, unserved.Resource.ServedVersions = "", nil
	unserved.Resource.Namespaced, unserved.Resource.Created, unserved.Since = false, time.Time{}, time.Time{}
	unserved.Reason = "NoServedVersion"
	return []watch.Status{broken, unserved, status("certificates", "cert-manager.io", "Certificate", watch.Synced, 12)}
}

func TestResourcesGolden(t *testing.T) {
	tests := map[string]struct {
		format  string
		palette Palette
	}{
		"resources.table":       {Table, Palette{}},
		"resources-color.table": {Table, ColorPalette()},
		"resources.wide":        {Wide, Palette{}},
		"resources.json":        {JSON, Palette{}},
		"resources.yaml":        {YAML, Palette{}},
		"resources.name":        {Name, Palette{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			opts := ResourceOptions{Palette: tc.palette, Now: noon}
			if err := PrintResources(&b, tc.format, NewResourceList(cluster()), opts); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

func TestNoResourcesIsAnEmptyListNotNull(t *testing.T) {
	var b bytes.Buffer
	if err := PrintResources(&b, JSON, NewResourceList(nil), ResourceOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "{\n    \"items\": []\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestResourceTableFits: what matters least is left out on a narrow terminal, and it is
// said; names, counts and states never are.
func TestResourceTableFits(t *testing.T) {
	for width, want := range map[int]string{
		0:   "NAME VERSION KIND SCOPE OBJECTS STATE AGE",
		200: "NAME VERSION KIND SCOPE OBJECTS STATE AGE",
		90:  "NAME VERSION KIND OBJECTS STATE AGE",
		80:  "NAME VERSION KIND OBJECTS STATE",
		60:  "NAME VERSION OBJECTS STATE",
		20:  "NAME OBJECTS STATE",
	} {
		var b bytes.Buffer
		if err := PrintResources(&b, Table, NewResourceList(cluster()), ResourceOptions{Now: noon, Width: width}); err != nil {
			t.Fatal(err)
		}
		header, _, _ := strings.Cut(b.String(), "\n")
		if got := strings.Join(strings.Fields(header), " "); got != want {
			t.Errorf("at %d: %s, want %s", width, got, want)
		}
		if said := strings.Contains(b.String(), "no room for SCOPE"); said != !strings.Contains(want, "SCOPE") {
			t.Errorf("at %d:\n%s", width, b.String())
		}
		for l := range strings.Lines(b.String()) {
			if n := columns(strings.TrimSuffix(l, "\n")); width >= 60 && n > width {
				t.Errorf("at %d: %d columns: %s", width, n, l)
			}
		}
	}
	var b bytes.Buffer
	if err := PrintResources(&b, Table, NewResourceList(nil), ResourceOptions{}); err != nil || b.Len() > 0 {
		t.Errorf("a table of nothing: %q, %v", b.String(), err)
	}
}
