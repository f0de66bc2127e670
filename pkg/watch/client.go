package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// List requests a second, and at once. Lists are rare: the fallback of an API server
// without WatchList, the list at the oldest revision after a 410, the comparison of a
// resource that drifted, and the probe of one in trouble.
const (
	listQPS   = 20
	listBurst = 40
)

// Clients are the dynamic clients that everything goes through, and one for metadata.
type Clients struct {
	// watch opens watches, and decodes sketches (see sketchOf). It asks for no
	// compression, which would cost some 40 KB of memory for the life of every watch,
	// and is limited by the gate alone.
	watch dynamic.Interface
	// watchThin and listThin are watch and list that ask for the objects' metadata alone.
	watchThin, listThin dynamic.Interface
	// list reads everything else. unlimited pages whole resources, and creates reviews.
	list, unlimited dynamic.Interface
	// metadata reads single CRDs, and counts objects.
	metadata metadata.Interface
	// discovery reads what the API server serves.
	discovery rest.Interface
}

// RequestObserver is told of every answer of the API server: the verb is LIST,
// WATCH, GET, POST, …, the code the HTTP status, 0 if there was none.
type RequestObserver interface {
	Request(verb string, code int)
}

// NewClients makes the clients for an API server. The configuration is copied; its
// Timeout and rate limits are not used, because a Timeout would cut every watch.
// The observer may be nil.
func NewClients(base *rest.Config, requests RequestObserver) (*Clients, error) {
	cfg := rest.CopyConfig(base)
	cfg.Timeout = 0
	cfg.QPS = -1
	cfg.RateLimiter = nil
	cfg.DisableCompression = true
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		limitReceiving(next)
		return observedTransport{next, requests}
	})
	watch, err := newWatchClient(cfg, runtime.ContentTypeJSON)
	if err != nil {
		return nil, fmt.Errorf("creating the watch client for %s: %w", base.Host, err)
	}
	watchThin, err := newWatchClient(cfg, partialObject)
	if err != nil {
		return nil, fmt.Errorf("creating the watch client for metadata of %s: %w", base.Host, err)
	}
	meta, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("creating the metadata client for %s: %w", base.Host, err)
	}
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("creating the discovery client for %s: %w", base.Host, err)
	}
	cfg = rest.CopyConfig(cfg)
	cfg.DisableCompression = base.DisableCompression
	unlimited, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("creating the client of pages and reviews for %s: %w", base.Host, err)
	}
	cfg.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(listQPS, listBurst)
	list, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("creating the list client for %s: %w", base.Host, err)
	}
	listThin, err := newAcceptingClient(dynamic.ConfigFor(cfg), partialList)
	if err != nil {
		return nil, fmt.Errorf("creating the list client for metadata of %s: %w", base.Host, err)
	}
	return &Clients{watch: watch, watchThin: watchThin, listThin: listThin, list: list, unlimited: unlimited, metadata: meta, discovery: disco.RESTClient()}, nil
}

// What the API server is asked for where only metadata is wanted.
const (
	partialObject = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	partialList   = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// newWatchClient makes a dynamic client that decodes no more than the feed must see.
func newWatchClient(base *rest.Config, accept string) (dynamic.Interface, error) {
	cfg := dynamic.ConfigFor(base)
	cfg.NegotiatedSerializer = rawCodec{}
	return newAcceptingClient(cfg, accept)
}

// newAcceptingClient makes a dynamic client that asks for a form of the objects.
func newAcceptingClient(cfg *rest.Config, accept string) (dynamic.Interface, error) {
	cfg.AcceptContentTypes = accept
	client, err := rest.UnversionedRESTClientFor(cfg)
	if err != nil {
		return nil, err
	}
	return dynamic.New(client), nil
}

// List is the client for requests other than watches. It is safe for concurrent use.
func (c *Clients) List() dynamic.Interface {
	return c.list
}

// Pages is List without its rate limit, for who reads all resources once and limits how
// much is asked for at the same time: at 20 requests a second, 2,000 resources would take
// almost two minutes. It is safe for concurrent use.
func (c *Clients) Pages() dynamic.Interface {
	return c.unlimited
}

// Reviews is the client for TokenReviews and SubjectAccessReviews. Its requests are not
// limited. It is safe for concurrent use.
func (c *Clients) Reviews() dynamic.Interface {
	return c.unlimited
}

// Metadata is the client for requests that need no more than metadata. Its requests
// are not limited. It is safe for concurrent use.
func (c *Clients) Metadata() metadata.Interface {
	return c.metadata
}

// Discovery is the client for what stands below /api and /apis. It is safe for
// concurrent use.
func (c *Clients) Discovery() rest.Interface {
	return c.discovery
}

// ServerVersion is the API server's own, such as "v1.37.2"; empty where it does not say.
func (c *Clients) ServerVersion(ctx context.Context) string {
	var v version.Info
	raw, err := c.Discovery().Get().AbsPath("/version").DoRaw(ctx)
	if err != nil || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	return v.GitVersion
}
