package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// crds is the group of what is no custom resource.
const crds = "apiextensions.k8s.io"

// Objects returns how many custom resources the program knows.
func (s *Server) Objects(ctx context.Context) (int, error) {
	list, err := s.inventory(ctx)
	n := 0
	for _, r := range list {
		if r.Group != crds {
			n += r.Objects
		}
	}
	return n, err
}

// State returns the state of the watch of a resource, given as plural.group; empty if it
// is not known.
func (s *Server) State(ctx context.Context, name string) (string, error) {
	list, err := s.inventory(ctx)
	at := slices.IndexFunc(list, func(r resource) bool { return r.Name == name })
	if at < 0 {
		return "", err
	}
	return list[at].State, err
}

// resource is one of the inventory.
type resource struct {
	Name, Group, State string
	Objects            int
}

func (s *Server) inventory(ctx context.Context) ([]resource, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.report+"/api/v1/resources", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	var list struct{ Items []resource }
	err = json.NewDecoder(resp.Body).Decode(&list)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the inventory: %s: %w", resp.Status, err)
	}
	return list.Items, nil
}
