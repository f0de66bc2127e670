package opponent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// endOfInitial stands in the bookmark that ends the initial objects of a watch.
const endOfInitial = `"k8s.io/initial-events-end":"true"`

// openWidth is how many watches the raw reader opens at once. It also warms up an
// API server, which sends everyone who is the first to ask for a type away for a
// second: with few at once, thousands of types would take very long.
const openWidth = 64

// rawReader holds one stream per resource, and counts.
type rawReader struct {
	client *rest.RESTClient
	cancel context.CancelFunc
	ended  sync.WaitGroup
	// connecting is held from the start of a request until it has a connection:
	// two that find none at the same time would make one each.
	connecting sync.Mutex

	bytes, lines atomic.Int64
}

func startRaw(ctx context.Context, t target) (running, error) {
	config := rest.CopyConfig(t.config)
	config.DisableCompression = true
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &rawReader{client: client, cancel: cancel}
	// The first request makes the connection.
	if err := <-p.follow(ctx, crdGVR); err != nil {
		return p, err
	}
	// From here on, only custom resources count.
	p.lines.Store(0)
	p.bytes.Store(0)
	var opening errgroup.Group
	opening.SetLimit(openWidth)
	synced := make([]<-chan error, len(t.resources))
	for i, gvr := range t.resources {
		opening.Go(func() error {
			synced[i] = p.follow(ctx, gvr)
			return nil
		})
	}
	_ = opening.Wait()
	var errs []error
	for _, done := range synced {
		errs = append(errs, <-done)
	}
	return p, errors.Join(errs...)
}

// follow opens the watch of a resource and reads it until ctx ends. The channel
// receives one value, when all initial objects are read or never will be.
func (p *rawReader) follow(ctx context.Context, gvr schema.GroupVersionResource) <-chan error {
	synced := make(chan error, 1)
	body, err := p.open(ctx, gvr)
	if err != nil {
		synced <- err
		return synced
	}
	p.ended.Go(func() {
		for err == nil {
			done := p.read(body, func() { synced <- nil })
			_ = body.Close()
			if done {
				return
			}
			// An API server that is still reading its objects may end a watch early.
			body, err = p.open(ctx, gvr)
		}
		synced <- err
	})
	return synced
}

// open asks until the API server is ready for the question: the first one who asks
// for a type waits until the API server has read all its objects itself.
func (p *rawReader) open(ctx context.Context, gvr schema.GroupVersionResource) (io.ReadCloser, error) {
	for {
		p.connecting.Lock()
		release := sync.OnceFunc(p.connecting.Unlock)
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { release() }}
		body, err := p.client.Get().AbsPath("/apis", gvr.Group, gvr.Version, gvr.Resource).
			Param("watch", "true").Param("sendInitialEvents", "true").Param("resourceVersionMatch", "NotOlderThan").
			Param("allowWatchBookmarks", "true").Param("timeoutSeconds", "3000").
			SetHeader("Accept", "application/json").
			Stream(httptrace.WithClientTrace(ctx, trace)) // it pauses between its own attempts
		release() // if it never got one
		if err == nil {
			return body, nil
		}
		if !apierrors.IsTooManyRequests(err) {
			return nil, fmt.Errorf("watching %s: %w", gvr, err)
		}
	}
}

// read reads to the end of the stream, and reports whether the initial objects were
// complete. They count when they are. Each event is one line.
func (p *rawReader) read(body io.Reader, synced func()) (done bool) {
	// More than the line of that bookmark, which is the last for now.
	const overlap = 1 << 10
	buffer := make([]byte, 64<<10)
	tail, size, lines := 0, 0, 0
	for {
		n, err := body.Read(buffer[tail:])
		if !done {
			size += n
			lines += bytes.Count(buffer[tail:tail+n], []byte{'\n'})
			window := buffer[:tail+n]
			if bytes.Contains(window, []byte(endOfInitial)) && bytes.HasSuffix(window, []byte{'\n'}) {
				done = true
				p.bytes.Add(int64(size))
				p.lines.Add(int64(lines) - 1)
				synced()
			}
			tail = copy(buffer, window[max(0, len(window)-overlap):])
		}
		if err != nil {
			return done
		}
	}
}

func (p *rawReader) count() (objects int, bytes int64) {
	return int(p.lines.Load()), p.bytes.Load()
}

func (p *rawReader) stop() {
	p.cancel()
	p.ended.Wait()
}
