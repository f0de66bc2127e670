package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/crdwatch/crdwatch/test/defects"
)

const (
	// killAt is when crdwatch serve is killed, and awayFor how long it stays away.
	killAt  = 26 * time.Second
	awayFor = 4 * time.Second
	forEver = 1<<63 - 1
)

// keep lets the server run until ctx ends, but for one time when it is killed without
// a word, and comes back while things go on.
func (d *demo) keep(ctx context.Context, s *server) error {
	if err := s.wait(ctx, d.scaled(killAt)); err != nil || ctx.Err() != nil {
		return err
	}
	killed := time.Now()
	s.kill()
	d.say("demo · crdwatch serve was killed (SIGKILL), and comes back in %.0f s", d.scaled(awayFor).Seconds())
	if !waitUntil(ctx, killed.Add(d.scaled(awayFor))) {
		return nil
	}
	if err := d.serve(ctx, s); err != nil && ctx.Err() == nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	default:
	}
	d.report(ctx, s, killed)
	if err := defects.Plant(ctx, d.cluster, late()...); err != nil && ctx.Err() == nil {
		return fmt.Errorf("planting defects for the audit: %w", err)
	}
	return s.wait(ctx, forEver)
}

// report says what the server missed, which is nothing.
func (d *demo) report(ctx context.Context, s *server, killed time.Time) {
	resumed, gaps, err := s.missed(ctx, killed)
	if err != nil {
		d.say("demo: asking crdwatch serve what it missed: %v", err)
		return
	}
	d.say("demo · crdwatch serve is back: %d missed changes are in its history, %d gaps", resumed, gaps)
}

// missed counts what the server has learned only since it came back.
func (s *server) missed(ctx context.Context, since time.Time) (resumed, gaps int, err error) {
	url := "http://" + s.report + "/api/v1/events?since=" + since.UTC().Format(time.RFC3339Nano)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("%s", answer.Status)
	}
	decoder := json.NewDecoder(answer.Body)
	for decoder.More() {
		var e struct{ Type, Origin string }
		if err := decoder.Decode(&e); err != nil {
			return 0, 0, err
		}
		switch {
		case e.Type == "GAP":
			gaps++
		case e.Origin == "resumed":
			resumed++
		}
	}
	return resumed, gaps, nil
}
