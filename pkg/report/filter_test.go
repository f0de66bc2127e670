package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// mixed is an update of spec by one manager and of status by another.
func mixed() watch.Event {
	ev := modified("tls-main", 4711)
	ev.Managers = []string{"controller", "kubectl-edit"}
	ev.Changes = append(ev.Changes, diff.Change{
		Path: ".status.revision", Op: diff.Replace, Old: int64(1), New: int64(2),
		Manager: "controller", Operation: "Update", Subresource: "status", Section: "status",
	})
	return ev
}

func TestFilterSelects(t *testing.T) {
	clustered := modified("issuer", 1)
	clustered.Namespace = ""
	added := modified("tls-main", 1)
	added.Type, added.Changes = watch.Added, nil
	tests := map[string]struct {
		filter Filter
		event  watch.Event
		want   bool
	}{
		"everything":                     {Filter{}, mixed(), true},
		"resource":                       {Filter{Resource: "certificates.cert-manager.io"}, mixed(), true},
		"resource of another group":      {Filter{Resource: "certificates.cert-manager.com"}, mixed(), false},
		"resource that is a prefix":      {Filter{Resource: "certificates"}, mixed(), false},
		"resource of a longer plural":    {Filter{Resource: "certificatesx.cert-manager.io"}, mixed(), false},
		"namespace":                      {Filter{Namespace: "web"}, mixed(), true},
		"other namespace":                {Filter{Namespace: "we"}, mixed(), false},
		"no namespace, namespaced":       {Filter{Namespace: NoNamespace}, mixed(), false},
		"no namespace, cluster-scoped":   {Filter{Namespace: NoNamespace}, clustered, true},
		"a namespace, cluster-scoped":    {Filter{Namespace: "web"}, clustered, false},
		"name":                           {Filter{Name: "tls-main"}, mixed(), true},
		"other name":                     {Filter{Name: "tls"}, mixed(), false},
		"type":                           {Filter{Type: watch.Modified}, mixed(), true},
		"other type":                     {Filter{Type: watch.Deleted}, mixed(), false},
		"manager":                        {Filter{Manager: "controller"}, mixed(), true},
		"other manager":                  {Filter{Manager: "helm"}, mixed(), false},
		"manager of dropped changes":     {Filter{Manager: "controller", IgnoreStatus: true}, mixed(), false},
		"manager of kept changes":        {Filter{Manager: "kubectl-edit", SpecOnly: true}, mixed(), true},
		"since is inclusive":             {Filter{Since: noon}, mixed(), true},
		"before since":                   {Filter{Since: noon.Add(time.Nanosecond)}, mixed(), false},
		"until is exclusive":             {Filter{Until: noon}, mixed(), false},
		"before until":                   {Filter{Until: noon.Add(time.Nanosecond)}, mixed(), true},
		"gap in what was asked for":      {Filter{Namespace: "web", Name: "x", Manager: "m", SpecOnly: true}, gap(), true},
		"gap of another resource":        {Filter{Resource: "issuers.cert-manager.io"}, gap(), false},
		"gap when asked for other type":  {Filter{Type: watch.Modified}, gap(), false},
		"gap outside the window":         {Filter{Since: noon.Add(time.Hour)}, gap(), false},
		"added, without changes":         {Filter{IgnoreStatus: true, SpecOnly: true}, added, true},
		"a spec that is not known":       {Filter{SpecOnly: true}, thin(4, 5), true},
		"only metadata, and none wanted": {Filter{SpecOnly: true}, thin(5, 5), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.filter.Apply(&tc.event) != nil; got != tc.want {
				t.Errorf("shown: %t, want %t", got, tc.want)
			}
		})
	}
}

// thin is an update of which only the metadata is known.
func thin(from, to int64) watch.Event {
	ev := modified("tls-main", 1)
	ev.MetadataOnly, ev.OldGeneration, ev.Generation, ev.Managers = true, from, to, nil
	ev.Changes = []diff.Change{{Path: ".metadata.labels.a", Op: diff.Add, New: "b", Section: "metadata"}}
	return ev
}

func TestFilterReduces(t *testing.T) {
	status := mixed()
	status.Changes = status.Changes[1:]
	labels := modified("tls-main", 1)
	labels.Changes = []diff.Change{{Path: ".metadata.labels.a", Op: diff.Add, New: "b", Section: "metadata"}}
	tests := map[string]struct {
		filter       Filter
		event        watch.Event
		wantPaths    []string
		wantManagers []string
	}{
		"ignoring status keeps spec":      {Filter{IgnoreStatus: true}, mixed(), []string{".spec.renewBefore"}, []string{"kubectl-edit"}},
		"ignoring status drops status":    {Filter{IgnoreStatus: true}, status, nil, nil},
		"ignoring status keeps metadata":  {Filter{IgnoreStatus: true}, labels, []string{".metadata.labels.a"}, []string{"kubectl-edit"}},
		"spec only keeps spec":            {Filter{SpecOnly: true}, mixed(), []string{".spec.renewBefore"}, []string{"kubectl-edit"}},
		"spec only drops metadata":        {Filter{SpecOnly: true}, labels, nil, nil},
		"without either, nothing changes": {Filter{}, mixed(), []string{".spec.renewBefore", ".status.revision"}, []string{"controller", "kubectl-edit"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			before := tc.event
			got := tc.filter.Apply(&tc.event)
			if d := cmp.Diff(before, tc.event); d != "" {
				t.Errorf("the shared event was changed: %s", d)
			}
			if tc.wantPaths == nil {
				if got != nil {
					t.Errorf("shown: %v", got)
				}
				return
			}
			if got == nil {
				t.Fatal("not shown")
			}
			if d := cmp.Diff(tc.wantPaths, paths(got)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tc.wantManagers, got.Managers); d != "" {
				t.Error(d)
			}
		})
	}
}

func paths(ev *watch.Event) []string {
	var out []string
	for _, c := range ev.Changes {
		out = append(out, c.Path)
	}
	return out
}
