package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/test/load"
)

// request is what the process is asked. The first one has Options.
type request struct {
	// Dir is where the kubeconfig goes.
	Dir     string
	Options *load.Options
	// Rate is one of changes, to be set.
	Rate *int
	// Define asks for another CRD.
	Define bool
}

// reply is the answer to each.
type reply struct {
	Error string
	// Kubeconfig and Resources answer the first request.
	Kubeconfig string
	Resources  []schema.GroupVersionResource
	// Name is that of the CRD.
	Name string
	// Changed is how many changes there were so far.
	Changed int
	// Requests is how many there were so far, by their kind (see package load).
	Requests map[string]int
}

// Run is the process: it serves until its input ends.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	requests, replies := json.NewDecoder(in), json.NewEncoder(out)
	var first request
	if err := requests.Decode(&first); err != nil {
		return fmt.Errorf("reading the options: %w", err)
	}
	if first.Options == nil {
		return errors.New("reading the options: there are none")
	}
	s, err := load.Start(*first.Options)
	if err != nil {
		return replies.Encode(reply{Error: err.Error()})
	}
	defer s.Close()
	kubeconfig := filepath.Join(first.Dir, "kubeconfig")
	if err := s.WriteKubeconfig(kubeconfig); err != nil {
		return replies.Encode(reply{Error: err.Error()})
	}
	answer := reply{Kubeconfig: kubeconfig, Resources: s.Resources()}
	for ctx.Err() == nil {
		if err := replies.Encode(answer); err != nil {
			return err
		}
		var r request
		if err := requests.Decode(&r); err != nil {
			return nil // the parent has ended
		}
		answer = perform(s, r)
	}
	return ctx.Err()
}

func perform(s *load.Server, r request) (answer reply) {
	if r.Rate != nil {
		s.Change(*r.Rate)
	}
	if r.Define {
		answer.Name = s.Define()
	}
	answer.Changed, answer.Requests = s.Changed(), s.Requests()
	return answer
}
