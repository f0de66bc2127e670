package auditing

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/test/defects"
	"github.com/crdwatch/crdwatch/test/program"
)

// TestBreakingRevisionInFiles: what crdwatch serve finds when it happens, crdwatch audit
// --against finds in what the API server had before and has after it.
func TestBreakingRevisionInFiles(t *testing.T) {
	live := defects.Live()
	i := slices.IndexFunc(live, func(d defects.Defect) bool { return d.Rule == "CRD006" })
	if i < 0 {
		t.Fatal("there is no defect of CRD006")
	}
	d := live[i]
	if err := defects.Plant(t.Context(), shared, d); err != nil {
		t.Fatal(err)
	}
	before := exported(t, discovery.CRDs().GVR, "", d.Object)
	if err := defects.Happen(t.Context(), shared, d); err != nil {
		t.Fatal(err)
	}
	after := exported(t, discovery.CRDs().GVR, "", d.Object)
	object := exported(t, schema.GroupVersionResource{Group: defects.Watched, Version: "v1", Resource: "plans"}, "default", "large")

	for name, test := range map[string]struct {
		args []string
		want audit.Severity
		code int
	}{
		"the CRD alone":    {[]string{"-f", after, "--against", before}, audit.High, 1},
		"with its objects": {[]string{"-f", after, "-f", object, "--against", before}, audit.Critical, 1},
		"no change":        {[]string{"-f", before, "--against", before}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := program.Start(t, "/dev/null", append([]string{"audit", "--rules", "CRD006,CR003", "-o", "json"}, test.args...)...)
			out, code := p.Rest()
			var report audit.Report
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatalf("%v: %s %s", err, out, p.Stderr)
			}
			if report.Worst() != test.want || code != test.code || finds(&report, d) != (test.want > 0) {
				t.Errorf("exit code %d, want %d and %s:\n%s", code, test.code, test.want, text(&report))
			}
		})
	}
}

// exported writes an object to a file, as kubectl get -o json does.
func exported(t *testing.T, gvr schema.GroupVersionResource, namespace, name string) string {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	o, err := client.Resource(gvr).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
