package opponent

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// crdwatching is the engine that the commands run.
type crdwatching struct {
	manager *watch.Manager
	cancel  context.CancelFunc
	ended   chan error
	events  countingSink
}

// countingSink takes events as a sink of the commands does, and keeps none.
type countingSink struct {
	n atomic.Int64
}

// Record implements watch.Sink.
func (s *countingSink) Record(e watch.Entry) {
	s.n.Add(int64(len(e.Events)))
}

func startCrdwatch(ctx context.Context, t target) (running, error) {
	clients, err := watch.NewClients(t.config, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &crdwatching{cancel: cancel, ended: make(chan error, 1)}
	p.manager = watch.New(watch.Options{Clients: clients, Sink: &p.events})
	go func() { p.ended <- p.manager.Run(ctx) }()
	select {
	case <-p.manager.Done():
		return p, p.verify()
	case <-ctx.Done():
		return p, ctx.Err()
	}
}

// verify makes sure that done is not broken.
func (p *crdwatching) verify() error {
	for _, s := range p.manager.Statuses() {
		if s.State != watch.Synced {
			return fmt.Errorf("watching %s: %s %s %s", s.Resource.CRD, s.State, s.Reason, s.Message)
		}
	}
	return nil
}

func (p *crdwatching) count() (objects int, bytes int64) {
	for _, s := range p.manager.Statuses() {
		objects += s.Objects
	}
	return objects, 0
}

func (p *crdwatching) stop() {
	p.cancel()
	<-p.ended //nolint:errcheck // it was told to end
}
