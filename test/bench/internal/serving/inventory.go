package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// crds is the group of what is no custom resource.
const crds = "apiextensions.k8s.io"

// Objects returns how many custom resources the program knows.
func (s *Server) Objects(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.report+"/api/v1/resources", http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("reading the inventory: %w", err)
	}
	var list struct {
		Items []struct {
			Group   string
			Objects int
		}
	}
	err = json.NewDecoder(resp.Body).Decode(&list)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("reading the inventory: %s: %w", resp.Status, err)
	}
	n := 0
	for _, r := range list.Items {
		if r.Group != crds {
			n += r.Objects
		}
	}
	return n, nil
}
