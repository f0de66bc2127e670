package load_test

import (
	"context"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/test/load"
)

// TestRequests: each kind is counted as what it is.
func TestRequests(t *testing.T) {
	s, err := load.Start(load.Options{CRDs: 1, Objects: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	client, err := dynamic.NewForConfig(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	objects := client.Resource(s.Resources()[0])
	watching := func(o metav1.ListOptions) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w, err := objects.Watch(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		w.Stop()
	}
	listing := func(o metav1.ListOptions) string {
		t.Helper()
		list, err := objects.List(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return list.GetResourceVersion()
	}
	listing(metav1.ListOptions{Limit: 1})
	revision := listing(metav1.ListOptions{Limit: 2})
	all := true
	watching(metav1.ListOptions{SendInitialEvents: &all, AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
	watching(metav1.ListOptions{})
	watching(metav1.ListOptions{ResourceVersion: revision})
	want := map[string]int{load.Count: 1, load.List: 1, load.WatchList: 2, load.Resume: 1}
	if d := gocmp.Diff(want, s.Requests()); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}
