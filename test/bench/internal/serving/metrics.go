package serving

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Metrics returns the values of metrics that have no labels.
func (s *Server) Metrics(ctx context.Context, names ...string) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.report+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	defer resp.Body.Close()
	found := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		for _, wanted := range names {
			if name == wanted {
				found[name], err = strconv.ParseFloat(value, 64)
			}
		}
	}
	if len(found) < len(names) {
		err = errors.Join(err, fmt.Errorf("only %d of %d are there", len(found), len(names)))
	}
	if err := errors.Join(err, lines.Err()); err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	return found, nil
}
