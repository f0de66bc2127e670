package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// handler answers requests.
type handler struct {
	world    *world
	requests *counter
}

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		h.requests.add(Other)
		refuse(w, apierrors.NewMethodNotSupported(schema.GroupResource{}, strings.ToLower(r.Method)))
	case r.URL.Path == "/version":
		h.requests.add(Other)
		writeJSON(w, http.StatusOK, version.Info{Major: "1", Minor: "37", GitVersion: "v1.37.2"})
	case strings.HasPrefix(r.URL.Path, "/api/"):
		h.requests.add(Other)
		refuse(w, apierrors.NewForbidden(schema.GroupResource{Resource: r.URL.Path}, "", fmt.Errorf("there is no core group")))
	default:
		h.resource(w, r)
	}
}

// resource answers what is asked of a resource as a whole, or of one CRD.
func (h handler) resource(w http.ResponseWriter, r *http.Request) {
	path, name := r.URL.Path, ""
	if rest, ok := strings.CutPrefix(path, crdPath+"/"); ok {
		path, name = crdPath, rest
	}
	t := h.world.at(path)
	if t == nil {
		http.NotFound(w, r)
		return
	}
	q, err := parseQuery(r)
	if err == nil {
		h.requests.add(q.kind(name != ""))
	}
	switch {
	case err != nil:
		refuse(w, apierrors.NewBadRequest(err.Error()))
	case name != "":
		h.get(w, t, q, name)
	case q.watch:
		h.watch(w, r, t, q)
	default:
		h.list(w, t, q)
	}
}

// get answers with one CRD.
func (h handler) get(w http.ResponseWriter, t *table, q query, name string) {
	slots, _ := t.snapshot(&h.world.revisions)
	for i, s := range slots {
		o := t.subject(i, s)
		named := h.world.defined(&o)
		if named.plural+"."+named.group == name && !s.gone {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(append(q.render(t)(nil, &o), '\n')) // who has gone away needs no answer
			return
		}
	}
	refuse(w, apierrors.NewNotFound(schema.GroupResource{Group: t.group, Resource: "customresourcedefinitions"}, name))
}

func expired(revision, oldest uint64) *apierrors.StatusError {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", revision, oldest))
}

// refuse answers with a Status.
func refuse(w http.ResponseWriter, err error) {
	status := statusOf(err)
	writeJSON(w, int(status.Code), status)
}

func statusOf(err error) *metav1.Status {
	status := metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
	if known, ok := err.(apierrors.APIStatus); ok {
		status = known.Status()
	}
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return &status
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // who has gone away needs no answer
}
