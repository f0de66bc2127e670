package controlplane

import (
	"context"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// Matcher selects requests. It must not block; it may be called from many
// goroutines.
type Matcher func(*http.Request) bool

// AnyRequest matches all.
func AnyRequest(*http.Request) bool { return true }

// Verb matches requests with one of Kubernetes' verbs: get, list, watch, create,
// update, patch, delete, deletecollection.
func Verb(verbs ...string) Matcher {
	return func(r *http.Request) bool { return slices.Contains(verbs, info(r).Verb) }
}

// Resource matches requests for a resource of any version, as CRDs are named:
// widgets.example.com, or pods for the core group.
func Resource(name string) Matcher {
	want := schema.ParseGroupResource(name)
	return func(r *http.Request) bool {
		i := info(r)
		return i.IsResourceRequest && want == schema.GroupResource{Group: i.APIGroup, Resource: i.Resource}
	}
}

// Path matches requests for exactly this path, without its query.
func Path(path string) Matcher {
	return func(r *http.Request) bool { return r.URL.Path == path }
}

// AllOf matches what all matchers match.
func AllOf(matchers ...Matcher) Matcher {
	return func(r *http.Request) bool {
		for _, m := range matchers {
			if !m(r) {
				return false
			}
		}
		return true
	}
}

// Not matches what m does not.
func Not(m Matcher) Matcher {
	return func(r *http.Request) bool { return !m(r) }
}

// Watches matches the watches of a resource.
func Watches(resource string) Matcher { return AllOf(Verb("watch"), Resource(resource)) }

// Lists matches the lists of a resource.
func Lists(resource string) Matcher { return AllOf(Verb("list"), Resource(resource)) }

// withRequestInfo reads a request as the API server does, once for all
// matchers. The returned request ends with cancel, too.
func withRequestInfo(r *http.Request) (out *http.Request, cancel context.CancelFunc) {
	factory := request.RequestInfoFactory{
		APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api"),
	}
	i, err := factory.NewRequestInfo(r)
	if err != nil {
		// The API server is going to refuse it; here it matches by path only.
		i = &request.RequestInfo{Path: r.URL.Path}
	}
	ctx, cancel := context.WithCancel(request.WithRequestInfo(r.Context(), i))
	return r.WithContext(ctx), cancel
}

func info(r *http.Request) *request.RequestInfo {
	i, ok := request.RequestInfoFrom(r.Context())
	if !ok {
		return &request.RequestInfo{}
	}
	return i
}

func isWatch(r *http.Request) bool { return info(r).Verb == "watch" }
