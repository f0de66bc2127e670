package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
)

// starting is one start of crdwatch serve.
type starting struct {
	// Ready is the time from the start of the process until /readyz is ok; spent is
	// what was used meanwhile.
	Ready time.Duration
	spent
	// Peak is the most memory until then, RSS what the program takes when it was left
	// in peace for a while.
	Peak, RSS uint64
	// Bytes are the API server's answers, and Requests how many there were, until the
	// program was left in peace. They come from a start of their own, through a proxy
	// that counts.
	Bytes    int64
	Requests int
}

// start starts the program, when the API server is quiet, and notes the figures of that in a column.
func (h *history) start(ctx context.Context, dir, column string, through traffic) (*serving.Server, error) {
	if err := opponent.Quiet(ctx, h.cp.PID()); err != nil {
		return nil, err
	}
	before, err := h.meter(0)
	if err != nil {
		return nil, err
	}
	server, err := h.serve(ctx, h.cp.Kubeconfig(), dir)
	if err != nil {
		return nil, err
	}
	s, err := h.ready(ctx, server, before)
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	s.Bytes, s.Requests = through.bytes, through.requests
	h.say("%s: %-20s ready in %5.2f s, %4d MiB at most, %4d MiB now, %d bytes in %d answers", historyScenario, column,
		s.Ready.Seconds(), s.Peak>>20, s.RSS>>20, s.Bytes, s.Requests)
	h.results.starts[column] = append(h.results.starts[column], s)
	return server, nil
}

func (h *history) ready(ctx context.Context, server *serving.Server, before meterReading) (s starting, err error) {
	if s.Ready, err = server.Ready(ctx); err != nil {
		return s, err
	}
	memory, err := opponent.ProcessMemory(server.PID())
	if err != nil {
		return s, err
	}
	s.Peak = memory.Peak
	now, err := h.meter(server.PID())
	if err != nil {
		return s, err
	}
	s.spent = now.since(before)
	if err := h.complete(ctx, server); err != nil {
		return s, err
	}
	memory, err = opponent.ProcessMemory(server.PID())
	s.RSS = memory.RSS
	return s, err
}

// complete leaves the program in peace and makes sure that it knows every object.
func (h *history) complete(ctx context.Context, server *serving.Server) error {
	select {
	case <-time.After(h.rest):
	case <-ctx.Done():
		return ctx.Err()
	}
	n, err := server.Objects(ctx)
	if err == nil && n != h.fixture.Objects {
		err = fmt.Errorf("crdwatch serve knows %d objects of %d", n, h.fixture.Objects)
	}
	return err
}

// traffic is what came from the API server.
type traffic struct {
	bytes    int64
	requests int
}

// received starts the program once through a proxy that counts. It costs time, so
// nothing else is measured.
func (h *history) received(ctx context.Context, dir string) (t traffic, err error) {
	proxy, err := h.cp.Proxy()
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	kubeconfig, err := proxy.Kubeconfig()
	if err != nil {
		return t, err
	}
	if err := opponent.Quiet(ctx, h.cp.PID()); err != nil {
		return t, err
	}
	server, err := h.serve(ctx, kubeconfig, dir)
	if err != nil {
		return t, err
	}
	_, err = server.Ready(ctx)
	if err == nil {
		err = h.complete(ctx, server)
	}
	stats := proxy.Stats()
	for _, n := range stats.Bytes {
		t.bytes += n
	}
	for _, n := range stats.Requests {
		t.requests += n
	}
	return t, errors.Join(err, server.Stop())
}
