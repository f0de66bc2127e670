package lookup

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// gather is how long further changes are waited for after one.
	gather = 100 * time.Millisecond
	// The pauses before a watch that failed is opened again. One that may not be opened
	// is tried seldom, and each time the answer is asked for, too.
	followMin = time.Second
	followMax = time.Minute
)

// Follow calls answered with the answer to a question as it is now, and again when it
// may have changed, until ctx ends. It watches the objects that the question is about,
// and asks when the watch tells something; it does not ask because time passes, unless
// there can be no watch. It does not remember answers, nor look at those remembered.
func (l *Lookup) Follow(ctx context.Context, q audit.Question, answered func(audit.Answer)) {
	pause := followMin
	for ctx.Err() == nil {
		began := time.Now()
		// The watch is opened first, so that nothing can happen between it and the answer.
		w, err := l.watch(ctx, q)
		if ctx.Err() != nil {
			return
		}
		answered(l.find(ctx, q))
		if err == nil {
			l.followWatch(ctx, w, q, answered)
		}
		if time.Since(began) > followMax {
			pause = followMin
		}
		if err != nil || time.Since(began) < followMin {
			wait(ctx, pause)
			pause = min(2*pause, followMax)
		}
	}
}

// followWatch asks whenever the watch tells something, until it ends.
func (l *Lookup) followWatch(ctx context.Context, w apiwatch.Interface, q audit.Question, answered func(audit.Answer)) {
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == apiwatch.Error {
			return
		}
		drain(ctx, w.ResultChan(), gather)
		if ctx.Err() != nil {
			return
		}
		answered(l.find(ctx, q))
	}
}

// drain takes what else comes within a time: the watch begins with all that there is,
// and much may change at once.
func drain(ctx context.Context, events <-chan apiwatch.Event, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case _, ok := <-events:
			if !ok {
				return
			}
		}
	}
}

// watch opens a watch on the metadata of what a question is about, beginning now.
func (l *Lookup) watch(ctx context.Context, q audit.Question) (apiwatch.Interface, error) {
	if !valid(q.Group, q.Version, q.Name, q.Namespace) {
		return nil, errors.New("there can be no such object")
	}
	k, err := l.resolve(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, errors.New("the type is not served")
	case q.Name == "" && q.Selector == "" && !q.All:
		return nil, errors.New("no object is asked for")
	}
	opts := metav1.ListOptions{LabelSelector: q.Selector}
	if q.Name != "" {
		opts.FieldSelector = "metadata.name=" + q.Name
	}
	if !k.namespaced {
		q.Namespace = ""
	}
	return l.clients.Metadata().Resource(k.gvr).Namespace(q.Namespace).Watch(ctx, opts)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
