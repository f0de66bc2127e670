package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// updater writes the status of objects, as a controller does that looks at each in
// turn. It asks for small answers and decodes little, so that the writers do not take
// the CPU of what is measured.
type updater struct {
	client *http.Client
	urls   []string // of the objects' status
	// written makes every write different from those before it, also from those of an
	// earlier run on the same data.
	written atomic.Int64
}

// update is a write, and the event that tells of it.
type update struct {
	event        string
	acknowledged time.Time
}

func newUpdater(ctx context.Context, cp *controlplane.ControlPlane, f fixture) (*updater, error) {
	client, err := rest.HTTPClientFor(cp.Config())
	if err != nil {
		return nil, err
	}
	lister, err := metadata.NewForConfig(cp.Config())
	if err != nil {
		return nil, err
	}
	u := &updater{client: client}
	u.written.Store(time.Now().UnixMicro())
	names := make([][]string, len(f.Resources))
	for i, gvr := range f.Resources {
		list, err := lister.Resource(gvr).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", gvr.GroupResource(), err)
		}
		for _, object := range list.Items {
			names[i] = append(names[i], fmt.Sprintf("%s/apis/%s/%s/%s/%s/status?fieldManager=%s",
				cp.Config().Host, gvr.Group, gvr.Version, gvr.Resource, object.Name, observer))
		}
	}
	u.urls = interleave(names)
	return u, nil
}

// interleave takes one of each in turn.
func interleave(lists [][]string) []string {
	var all []string
	for i, more := 0, true; more; i++ {
		more = false
		for _, list := range lists {
			if i < len(list) {
				all, more = append(all, list[i]), true
			}
		}
	}
	return all
}

// run writes for a while, n at the same time, at a rate per second or, if that is 0,
// as fast as the API server takes it.
func (u *updater) run(ctx context.Context, n int, duration time.Duration, rate int) ([]update, error) {
	start := time.Now()
	var mu sync.Mutex
	var done []update
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range n {
		g.Go(func() error {
			var own []update
			var err error
			for err == nil {
				at := time.Now()
				if rate > 0 {
					at = start.Add(time.Duration(next.Add(1)-1) * time.Second / time.Duration(rate))
				}
				// An API server that is too slow for the rate is not given longer.
				if max(at.Sub(start), time.Since(start)) >= duration {
					break
				}
				var w update
				if w, err = u.writeAt(ctx, at); err == nil {
					own = append(own, w)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			done = append(done, own...)
			return err
		})
	}
	return done, g.Wait()
}

// writeAt writes the next object when it is time.
func (u *updater) writeAt(ctx context.Context, at time.Time) (update, error) {
	if wait := time.Until(at); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return update{}, ctx.Err()
		}
	}
	n := u.written.Add(1)
	return u.write(ctx, u.urls[n%int64(len(u.urls))], n)
}

func (u *updater) write(ctx context.Context, url string, n int64) (w update, err error) {
	body := fmt.Sprintf(`[{"op":"replace","path":"/status/observedGeneration","value":%d},`+
		`{"op":"replace","path":"/status/conditions/0/observedGeneration","value":%d},`+
		`{"op":"replace","path":"/status/conditions/0/lastTransitionTime","value":%q},`+
		`{"op":"replace","path":"/status/atProvider/id","value":"i-%017x"}]`,
		n, n, time.Unix(n%1e9, 0).UTC().Format(time.RFC3339), n)
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewBufferString(body))
	if err != nil {
		return w, err
	}
	req.Header.Set("Content-Type", "application/json-patch+json")
	req.Header.Set("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
	resp, err := u.client.Do(req)
	if err != nil {
		return w, err
	}
	answer, err := io.ReadAll(resp.Body)
	w.acknowledged = time.Now()
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return w, err
	}
	if resp.StatusCode != http.StatusOK {
		return w, fmt.Errorf("updating %s: %s: %s", url, resp.Status, answer)
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &object); err != nil {
		return w, fmt.Errorf("updating %s: reading the answer: %w", url, err)
	}
	w.event = fmt.Sprintf("%s/%s", object.UID, object.ResourceVersion)
	return w, nil
}
