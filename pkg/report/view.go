package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Caller is somebody who was let in, as the handler sees them: an *access.Caller. The
// methods may block while the API server is asked, and then fail.
type Caller interface {
	// Name is what the API server calls them.
	Name() string
	// Renew fails when they are no longer who they were.
	Renew(ctx context.Context) error
	// MayRead tells whether they may use the verb on an object: as one of all, of its
	// namespace, or by its name. An empty name stands for all of the namespace, an
	// empty namespace for all of them.
	MayRead(ctx context.Context, verb string, r schema.GroupResource, namespace, name string) (bool, error)
	// MayGet tells whether they may get a path that is no resource.
	MayGet(ctx context.Context, path string) (bool, error)
}

// view is what a caller may see. The zero view sees everything.
type view struct {
	caller Caller
	// verb is what they must be allowed: list, or watch for a stream.
	verb string
	// namespace is the only one that they asked for, if there is one.
	namespace string
	// names is how many objects may still be asked about by their names.
	names *int
}

// maxNames bounds the questions of one request, or of a stream in one keepAliveInterval,
// about single objects: whoever may read nothing could have millions asked.
const maxNames = 1000

type callerKey struct{}

// viewOf is the view of whoever sent a request.
func viewOf(r *http.Request, verb string) view {
	caller, _ := r.Context().Value(callerKey{}).(Caller)
	names := maxNames
	return view{caller: caller, verb: verb, names: &names}
}

func (v view) mayRead(ctx context.Context, r schema.GroupResource, namespace, name string) (bool, error) {
	if v.caller == nil {
		return true, nil
	}
	allowed, err := v.caller.MayRead(ctx, v.verb, r, namespace, "")
	if allowed || err != nil || name == "" {
		return allowed, err
	}
	if *v.names--; *v.names < 0 {
		return false, failure(http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf(
			"User %q may read few of these objects, or none, and not a whole namespace: there are too many to ask about each; name a resource and a namespace that you may %s, or an object",
			v.caller.Name(), v.verb))
	}
	return v.caller.MayRead(ctx, v.verb, r, namespace, name)
}

// event returns what the caller may see of an event: all of it, a GAP without its
// count, or nil.
func (v view) event(ctx context.Context, ev *watch.Event) (*watch.Event, error) {
	var allowed bool
	var err error
	switch {
	case v.caller == nil || ev == nil:
		return ev, nil
	case ev.Type == watch.Gap:
		return v.gap(ctx, ev)
	case ev.Finding != nil:
		s := ev.Finding.Subject
		allowed, err = v.subject(ctx, audit.Subject{Group: s.Group, Resource: s.Resource, Namespace: s.Namespace, Name: s.Name})
	default:
		allowed, err = v.mayRead(ctx, schema.GroupResource{Group: ev.Resource.Group, Resource: ev.Resource.Resource}, ev.Namespace, ev.Name)
	}
	if !allowed {
		return nil, err
	}
	return ev, nil
}

// gap shows a GAP to whoever may read all of the resource. Whoever asks for a namespace
// that they may read is warned, too, but not told how much was missed in all others.
func (v view) gap(ctx context.Context, ev *watch.Event) (*watch.Event, error) {
	r := schema.GroupResource{Group: ev.Resource.Group, Resource: ev.Resource.Resource}
	if allowed, err := v.mayRead(ctx, r, "", ""); allowed || err != nil {
		return ev, err
	}
	if v.namespace == "" {
		return nil, nil
	}
	if allowed, err := v.mayRead(ctx, r, v.namespace, ""); !allowed || err != nil {
		return nil, err
	}
	reduced, gap := *ev, *ev.Gap
	gap.MissedGenerations = 0
	reduced.Gap = &gap
	return &reduced, nil
}

// statuses are those of the resources that the caller may list, with the objects that
// they may list: all of them, or those of some namespaces. Names alone open no
// inventory. What is wrong with a resource may name any of its objects.
func (v view) statuses(ctx context.Context, inventory Inventory) ([]watch.Status, error) {
	all := inventory.Statuses()
	if v.caller == nil {
		return all, nil
	}
	seen := make([]watch.Status, 0, len(all))
	for i := range all {
		s := all[i]
		gvr := s.Resource.GVR
		whole, err := v.mayRead(ctx, gvr.GroupResource(), "", "")
		if err != nil {
			return nil, err
		}
		if !whole {
			s.Message = ""
			if s.Objects, err = v.count(ctx, gvr.GroupResource(), inventory.Namespaces(s.Resource.UID)); err != nil {
				return nil, err
			}
		}
		if whole || s.Objects > 0 {
			seen = append(seen, s)
		}
	}
	return seen, nil
}

// count adds up the objects of the namespaces that may be listed.
func (v view) count(ctx context.Context, r schema.GroupResource, namespaces map[string]int) (int, error) {
	sum := 0
	for namespace, n := range namespaces {
		if namespace == "" {
			continue
		}
		allowed, err := v.mayRead(ctx, r, namespace, "")
		if err != nil {
			return 0, err
		}
		if allowed {
			sum += n
		}
	}
	return sum, nil
}

// snapshot is what the caller may see of an audit. What could not be evaluated may name
// any object of its resource.
func (v view) snapshot(ctx context.Context, now audit.Snapshot) (seen audit.Snapshot, err error) {
	if v.caller == nil {
		return now, nil
	}
	if seen.Open, err = v.findings(ctx, now.Open); err != nil {
		return seen, err
	}
	if seen.Suppressed, err = v.findings(ctx, now.Suppressed); err != nil {
		return seen, err
	}
	for _, u := range now.NotEvaluated {
		allowed, err := v.mayRead(ctx, schema.ParseGroupResource(u.Resource), "", "")
		if err != nil {
			return seen, err
		}
		if allowed {
			seen.NotEvaluated = append(seen.NotEvaluated, u)
		}
	}
	return seen, nil
}

func (v view) findings(ctx context.Context, all []*audit.Finding) ([]*audit.Finding, error) {
	var seen []*audit.Finding
	for _, f := range all {
		allowed, err := v.subject(ctx, f.Subject)
		if err != nil {
			return nil, err
		}
		if allowed {
			seen = append(seen, f)
		}
	}
	return seen, nil
}

// subject tells whether the caller may see what is wrong with something. What is wrong
// with a CRD tells of all the objects that it defines: they authorise, never the CRD.
func (v view) subject(ctx context.Context, s audit.Subject) (bool, error) {
	if of := defines(&s); of != "" {
		return v.mayRead(ctx, schema.ParseGroupResource(of), "", "")
	}
	return v.mayRead(ctx, schema.GroupResource{Group: s.Group, Resource: s.Resource}, s.Namespace, s.Name)
}

// demand refuses a request for one namespace, or for what has none, that the API server
// would refuse. Wider ones get what the caller may see of them, and the warning says so.
func (v view) demand(ctx context.Context, f Filter) (warning string, err error) {
	if v.caller == nil || f.Resource == "" {
		return "", nil
	}
	r, namespace := schema.ParseGroupResource(f.Resource), f.Namespace
	if namespace == NoNamespace {
		namespace = ""
	}
	allowed, err := v.mayRead(ctx, r, namespace, f.Name)
	switch {
	case allowed || err != nil:
		return "", err
	case f.Namespace == "":
		return fmt.Sprintf("%s: this is only what you may read", v.refusal(r, "", "")), nil
	}
	return "", failure(http.StatusForbidden, metav1.StatusReasonForbidden, v.refusal(r, namespace, f.Name))
}

// demandPath refuses who may not get a path that is no resource.
func (v view) demandPath(ctx context.Context, path string) error {
	if v.caller == nil {
		return nil
	}
	allowed, err := v.caller.MayGet(ctx, path)
	if allowed || err != nil {
		return err
	}
	return failure(http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf("User %q cannot get path %q", v.caller.Name(), path))
}

// refusal is in the words of the API server.
func (v view) refusal(r schema.GroupResource, namespace, name string) string {
	where := "at the cluster scope"
	if namespace != "" {
		where = fmt.Sprintf("in the namespace %q", namespace)
	}
	what := r.String()
	if name != "" {
		what += fmt.Sprintf(" %q", name)
	}
	return fmt.Sprintf("%s is forbidden: User %q cannot %s resource %q in API group %q %s",
		what, v.caller.Name(), v.verb, r.Resource, r.Group, where)
}

// warn adds a warning as the API server does (RFC 9110 has no section for it any more;
// RFC 7234, section 5.5).
func warn(w http.ResponseWriter, text string) {
	if text != "" {
		w.Header().Add("Warning", `299 - "`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain(text))+`"`)
	}
}

// explainAccess turns what package access says into what a client is told.
func explainAccess(err error) error {
	var unavailable *access.UnavailableError
	switch {
	case errors.Is(err, access.ErrUnauthenticated):
		return failure(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, access.ErrUnauthenticated.Error())
	case errors.As(err, &unavailable):
		answer := failure(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable,
			"the API server cannot say at the moment who may read this; try again")
		answer.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfterSeconds}
		return answer
	}
	return err
}
