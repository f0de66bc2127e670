package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Events asks for a page of events by path and query, such as "/api/v1/events?since=10m",
// and returns it, with the time until the last byte of the answer was there.
func (s *Server) Events(ctx context.Context, path string) ([]watch.Event, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.report+path, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	asked := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("asking for events: %w", err)
	}
	text, err := io.ReadAll(resp.Body)
	took := time.Since(asked)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("asking for events: %s: %s: %w", path, resp.Status, err)
	}
	var page struct{ Items []watch.Event }
	if err := json.Unmarshal(text, &page); err != nil {
		return nil, 0, fmt.Errorf("asking for events: %s: %w", path, err)
	}
	return page.Items, took, nil
}
