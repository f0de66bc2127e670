package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// historyDir is the history in a data directory.
type historyDir struct{ reader *store.Reader }

func openHistoryDir(ctx context.Context, dir string) (historySource, error) {
	r, err := openHistory(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &historyDir{reader: r}, nil
}

// close drops the error: nothing was written.
func (h *historyDir) close() { _ = h.reader.Close() }

// resources reads the CRDs, whose latest states are kept like those of any object. The
// checkpoints add those of which that cannot be read.
func (h *historyDir) resources(ctx context.Context) ([]discovery.Resource, error) {
	known := []discovery.Resource{discovery.CRDs()}
	names := map[string]bool{known[0].CRD: true}
	for saved, err := range h.reader.Objects(ctx, known[0].UID) {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return nil, err
		}
		if r, err := parseCRD(saved, err); err == nil {
			known, names[r.CRD] = append(known, r), true
		}
	}
	checkpoints, err := h.reader.Checkpoints(ctx)
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return nil, err
	}
	for _, c := range checkpoints {
		if !names[c.CRD] && c.Ref.Resource != "" {
			known, names[c.CRD] = append(known, ofCheckpoint(c)), true
		}
	}
	return sortedByCRD(known), nil
}

func parseCRD(saved watch.SavedObject, err error) (discovery.Resource, error) {
	if err != nil {
		return discovery.Resource{}, err
	}
	obj, err := watch.Restore(saved).Object()
	if err != nil {
		return discovery.Resource{}, err
	}
	return discovery.Parse(&unstructured.Unstructured{Object: obj})
}

// ofCheckpoint does not know the scope. Namespaced, a namespace that is asked for counts.
func ofCheckpoint(c watch.Checkpoint) discovery.Resource {
	return discovery.Resource{
		CRD: c.CRD, UID: c.Resource, GVR: gvr(c.Ref), Kind: c.Ref.Kind,
		Singular: strings.ToLower(c.Ref.Kind), ServedVersions: []string{c.Ref.Version}, Namespaced: true,
	}
}

func gvr(r watch.ResourceRef) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}
}

func sortedByCRD(known []discovery.Resource) []discovery.Resource {
	slices.SortStableFunc(known, func(a, b discovery.Resource) int { return cmp.Compare(a.CRD, b.CRD) })
	return known
}

// events asks for the newest first if only they are wanted, and turns them around.
func (h *historyDir) events(ctx context.Context, f report.Filter, limit int) timeline {
	q := store.Query{
		Resource: f.Resource, Name: f.Name, Type: f.Type, Manager: f.Manager,
		Since: f.Since, Until: f.Until, Newest: limit > 0,
	}
	if f.Namespace != "" {
		q.Namespace = &f.Namespace
	}
	found := filtered(h.reader.Events(ctx, q), f)
	if limit == 0 {
		return found
	}
	return reversed(limit, found)
}

// filtered leaves what f wants, and what cannot be read.
func filtered(events timeline, f report.Filter) timeline {
	return func(yield func(watch.Event, error) bool) {
		for ev, err := range events {
			switch {
			case errors.Is(err, store.ErrExpired):
				err = fmt.Errorf("retention removed events while they were being read, run it again: %w", err)
			case err == nil:
				shown := f.Apply(&ev)
				if shown == nil {
					continue
				}
				ev = *shown
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// reversed turns the first limit events around, with what is damaged among them.
func reversed(limit int, events timeline) timeline {
	return func(yield func(watch.Event, error) bool) {
		var kept []head
		good := 0
		for ev, err := range events {
			kept = append(kept, head{ev: ev, err: err})
			if err == nil {
				good++
			}
			if good == limit {
				break
			}
		}
		for _, h := range slices.Backward(kept) {
			if !yield(h.ev, h.err) {
				return
			}
		}
	}
}

func (h *historyDir) oldest(ctx context.Context) (time.Time, error) {
	for ev, err := range h.reader.Events(ctx, store.Query{}) {
		if err == nil || !readable(&ev, err) {
			return ev.Time, err
		}
	}
	return time.Time{}, nil
}
