package report

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// ResourceList is the inventory. Its JSON form is a public contract.
type ResourceList struct {
	Items []ResourceItem `json:"items"`
}

// ResourceItem is one CRD and the state of its watch.
type ResourceItem struct {
	Name           string      `json:"name"`
	UID            types.UID   `json:"uid"`
	Group          string      `json:"group"`
	Version        string      `json:"version"`
	Resource       string      `json:"resource"`
	Kind           string      `json:"kind"`
	Scope          string      `json:"scope"`
	ServedVersions []string    `json:"servedVersions"`
	StorageVersion string      `json:"storageVersion"`
	StoredVersions []string    `json:"storedVersions"`
	State          watch.State `json:"state"`
	Reason         string      `json:"reason"`
	Message        string      `json:"message"`
	Since          time.Time   `json:"since"`
	Objects        int         `json:"objects"`

	// Created is the CRD's, for AGE. It is no part of the JSON form.
	Created time.Time `json:"-"`
}

// NewResourceList makes the inventory of statuses, sorted by name. Two lives of one
// CRD are told apart by their UID.
func NewResourceList(statuses []watch.Status) ResourceList {
	items := make([]ResourceItem, 0, len(statuses))
	for i := range statuses {
		items = append(items, newResourceItem(&statuses[i]))
	}
	slices.SortFunc(items, func(a, b ResourceItem) int {
		return cmp.Or(
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.UID, b.UID),
			cmp.Compare(a.Version, b.Version),
		)
	})
	return ResourceList{Items: items}
}

func newResourceItem(s *watch.Status) ResourceItem {
	r := &s.Resource
	return ResourceItem{
		Name: r.CRD, UID: r.UID,
		Group: r.GVR.Group, Version: r.GVR.Version, Resource: r.GVR.Resource,
		Kind: r.Kind, Scope: scope(r.Namespaced),
		ServedVersions: list(r.ServedVersions),
		StorageVersion: r.StorageVersion,
		StoredVersions: list(r.StoredVersions),
		State:          s.State, Reason: s.Reason, Message: s.Message,
		Since: s.Since.UTC(), Objects: s.Objects, Created: r.Created,
	}
}

// scope uses the words of the CRD's own field.
func scope(namespaced bool) string {
	if namespaced {
		return "Namespaced"
	}
	return "Cluster"
}

// list makes an absent list an empty one: consumers of the JSON may iterate.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
