// Package apitest has a small API server for tests of the wiring of an audit: it serves
// discovery, objects and lists in pages, and whatever errors a test makes up. It knows
// nothing of watches, conversion or storage: those are tested against a real one.
package apitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Type is one that the server serves, with its objects in the order of a list.
type Type struct {
	Group, Version, Resource, Kind string
	Namespaced                     bool
	Objects                        []map[string]any
}

// Server is an API server. Its fields are set before it is asked.
type Server struct {
	Types []Type
	// Intercept answers a request with an error instead, if it returns one. It may be
	// called concurrently.
	Intercept func(*http.Request) *metav1.Status

	mu       sync.Mutex
	requests []string
}

// Config starts the server and returns how it is reached.
func (s *Server) Config(t testing.TB) *rest.Config {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

// Clients starts the server and returns clients for it.
func (s *Server) Clients(t testing.TB) *watch.Clients {
	t.Helper()
	clients, err := watch.NewClients(s.Config(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return clients
}

// Requests are the paths with queries that were asked for since the last call.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.requests
	s.requests = nil
	return all
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.RequestURI())
	s.mu.Unlock()
	if s.Intercept != nil {
		if status := s.Intercept(r); status != nil {
			answer(w, int(status.Code), status)
			return
		}
	}
	if r.URL.Path == "/version" {
		answer(w, http.StatusOK, map[string]string{"gitVersion": "v1.37.2"})
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "api" {
		parts = append([]string{"apis", ""}, parts[1:]...)
	}
	switch len(parts) {
	case 2:
		s.group(w, parts[1])
	case 3:
		s.resources(w, parts[1], parts[2])
	default:
		s.objects(w, r, parts[1], parts[2], parts[3:])
	}
}

func (s *Server) group(w http.ResponseWriter, group string) {
	found := metav1.APIGroup{Name: group}
	for _, t := range s.Types {
		v := metav1.GroupVersionForDiscovery{GroupVersion: t.Group + "/" + t.Version, Version: t.Version}
		if t.Group == group && !slices.Contains(found.Versions, v) {
			found.Versions = append(found.Versions, v)
		}
	}
	if len(found.Versions) == 0 {
		notFound(w, group)
		return
	}
	found.PreferredVersion = found.Versions[0]
	answer(w, http.StatusOK, found)
}

func (s *Server) resources(w http.ResponseWriter, group, version string) {
	found := metav1.APIResourceList{}
	for _, t := range s.Types {
		if t.Group == group && t.Version == version {
			found.APIResources = append(found.APIResources,
				metav1.APIResource{Name: t.Resource + "/status", Kind: t.Kind, Namespaced: t.Namespaced},
				metav1.APIResource{Name: t.Resource, Kind: t.Kind, Namespaced: t.Namespaced})
		}
	}
	if len(found.APIResources) == 0 {
		notFound(w, version)
		return
	}
	answer(w, http.StatusOK, found)
}

func (s *Server) objects(w http.ResponseWriter, r *http.Request, group, version string, rest []string) {
	namespace := ""
	if rest[0] == "namespaces" && len(rest) > 2 {
		namespace, rest = rest[1], rest[2:]
	}
	i := slices.IndexFunc(s.Types, func(t Type) bool {
		return t.Group == group && t.Version == version && t.Resource == rest[0]
	})
	if i < 0 {
		notFound(w, rest[0])
		return
	}
	selector, _ := labels.Parse(r.URL.Query().Get("labelSelector"))
	var chosen []map[string]any
	for _, o := range s.Types[i].Objects {
		u := unstructured.Unstructured{Object: o}
		if (namespace == "" || u.GetNamespace() == namespace) && selector.Matches(labels.Set(u.GetLabels())) &&
			(len(rest) == 1 || u.GetName() == rest[1]) {
			chosen = append(chosen, o)
		}
	}
	metadata := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")
	switch {
	case len(rest) == 1:
		list(w, r, s.Types[i], chosen, metadata)
	case len(chosen) == 0:
		notFound(w, rest[1])
	default:
		answer(w, http.StatusOK, shape(chosen[0], metadata))
	}
}

// list answers with a page. The token is the position of the next one.
func list(w http.ResponseWriter, r *http.Request, t Type, objects []map[string]any, metadata bool) {
	begin, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	end := len(objects)
	meta := map[string]any{"resourceVersion": "9"}
	if limit > 0 && begin+limit < end {
		end = begin + limit
		meta["continue"] = strconv.Itoa(end)
		meta["remainingItemCount"] = len(objects) - end
	}
	items := []any{}
	for _, o := range objects[begin:end] {
		items = append(items, shape(o, metadata))
	}
	apiVersion, kind := strings.TrimPrefix(t.Group+"/"+t.Version, "/"), t.Kind+"List"
	if metadata {
		apiVersion, kind = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	answer(w, http.StatusOK, map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": meta, "items": items})
}

func shape(o map[string]any, metadata bool) any {
	if !metadata {
		return o
	}
	return map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": o["metadata"]}
}

// Status is an error as the API server writes it.
func Status(code int, reason metav1.StatusReason, message string) *metav1.Status {
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: int32(code), Reason: reason, Message: message,
	}
}

func notFound(w http.ResponseWriter, name string) {
	answer(w, http.StatusNotFound, Status(http.StatusNotFound, metav1.StatusReasonNotFound, name+" not found"))
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
