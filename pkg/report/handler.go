package report

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Inventory is what the handler knows of the monitors. Its methods return at once.
type Inventory interface {
	Statuses() []watch.Status
	// Ready returns nil when the CRDs are in and every resource that may be
	// watched is synced or classified. Otherwise it says what is missing, in a
	// way that may be read without authentication: in numbers, not in names.
	Ready() error
	// Namespaces returns how many objects of a watched resource each namespace has;
	// those without a namespace are under "".
	Namespaces(crd types.UID) map[string]int
}

// HandlerOptions are what a Handler serves. Ledger, Inventory and Metrics are required.
type HandlerOptions struct {
	Ledger    *Ledger
	Inventory Inventory
	Metrics   *Metrics
	// Findings is the auditor; nil where nothing is audited, and then there is no path
	// for them.
	Findings Findings
	// Admit lets callers in, and fails with an error of package access where it does
	// not; nil lets anybody see everything, who calls this host by a name of its own for
	// itself. But browsers need a link (see Server.PageURL).
	Admit func(*http.Request) (Caller, error)
	// LinkUsed, if set, is told when a browser was let in by the link, which is another
	// one from then on. It is called while the browser waits.
	LinkUsed func()
	// Now is what times relative to the present are counted from; nil is time.Now.
	Now func() time.Time
}

// Handler serves the HTTP API, the metrics, and a page that shows what the API has.
type Handler struct {
	opts HandlerOptions
	mux  *http.ServeMux
	// door is nil where callers are asked who they are.
	door *door
	// ready latches: once everything was seen, an API server that goes away makes
	// the answers old, not wrong.
	ready   atomic.Bool
	clients clients
	// ending is closed when the live streams shall say goodbye.
	ending  chan struct{}
	endOnce sync.Once
}

// NewHandler returns the handler of the report server.
func NewHandler(opts HandlerOptions) *Handler {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.LinkUsed == nil {
		opts.LinkUsed = func() {}
	}
	h := &Handler{opts: opts, mux: http.NewServeMux(), ending: make(chan struct{})}
	if opts.Admit == nil {
		h.door = newDoor()
	}
	for pattern, serve := range h.routes() {
		h.mux.Handle(pattern, answer(serve))
	}
	h.mux.HandleFunc("/", notFound)
	return h
}

// routes are the paths at which there is something, as http.ServeMux writes them.
// Patterns name no method, because the mux would answer others in plain text.
func (h *Handler) routes() map[string]func(http.ResponseWriter, *http.Request) error {
	routes := map[string]func(http.ResponseWriter, *http.Request) error{
		"/api/v1/resources": h.resources,
		"/api/v1/events":    h.events,
		"/api/v1/objects/{group}/{resource}/{namespace}/{name}/events": h.objectEvents,
		"/api/v1/openapi.json": openAPI,
		"/metrics":             guarded(h.opts.Metrics.Handler()),
		"/{$}":                 newPage().serve,
	}
	if h.opts.Findings != nil {
		routes["/api/v1/findings"] = h.findings
	}
	return routes
}

// ServeHTTP lets in who may come in, and answers everything under /api with 503 until
// Ready.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	if err := checkOrigin(r, h.door != nil); err != nil {
		writeError(w, r, err)
		return
	}
	if h.door != nil && !h.door.open(w, r, h.opts.LinkUsed) {
		return
	}
	if h.opts.Admit != nil {
		caller, err := h.opts.Admit(r)
		if err != nil {
			writeError(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
	}
	if isAPI(r.URL.Path) {
		if err := h.Ready(); err != nil {
			writeError(w, r, notReady(err))
			return
		}
	}
	h.mux.ServeHTTP(w, r)
}

func isAPI(path string) bool {
	return path == "/api" || strings.HasPrefix(path, "/api/")
}

// Ready returns nil from the first time on that the inventory was ready.
func (h *Handler) Ready() error {
	if h.ready.Load() {
		return nil
	}
	if err := h.opts.Inventory.Ready(); err != nil {
		return err
	}
	h.ready.Store(true)
	return nil
}

// EndStreams makes every live stream send what is recorded, then a shutdown event,
// and end. It does not wait for them.
func (h *Handler) EndStreams() {
	h.endOnce.Do(func() { close(h.ending) })
}

// answer turns a method that returns an error, before it has written anything, into
// a read-only handler.
func answer(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return readOnly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			writeError(w, r, err)
		}
	}))
}

// readOnly lets GET and HEAD through.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", "GET, HEAD")
		writeError(w, r, failure(http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed,
			"the method is not allowed here: everything is read-only"))
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, failure(http.StatusNotFound, metav1.StatusReasonNotFound, "there is nothing at this path"))
}

func (h *Handler) resources(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseParameters(r); err != nil {
		return err
	}
	statuses, err := viewOf(r, "list").statuses(r.Context(), h.opts.Inventory)
	if err != nil {
		return err
	}
	return writeJSON(w, r, NewResourceList(statuses))
}

// guarded serves what is no resource to those who may get its path.
func guarded(next http.Handler) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := viewOf(r, "get").demandPath(r.Context(), r.URL.Path); err != nil {
			return err
		}
		next.ServeHTTP(w, r)
		return nil
	}
}
