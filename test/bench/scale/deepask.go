package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/bench/internal/serving"
)

// page is how many events an answer has at most, unless asked for more.
const page = 100

// question is one of a kind of questions, drawn at random.
type question struct {
	path string
	// check says what is wrong with the answer.
	check func(events []watch.Event) error
}

// questions are the kinds, in the order in which they are asked.
func (d *deep) questions(newest time.Time) []struct {
	name string
	draw func(*rand.Rand) question
} {
	window := func(r *rand.Rand, wide time.Duration) url.Values {
		since := newest.Add(-time.Duration(r.Int64N(int64(span - wide)))).Add(-wide).UTC().Truncate(time.Second)
		return url.Values{"since": {since.Format(time.RFC3339)}, "until": {since.Add(wide).Format(time.RFC3339)}}
	}
	place := func(r *rand.Rand, v url.Values) url.Values {
		t := &d.things[r.IntN(len(d.things))]
		v.Set("resource", t.ref.Name())
		v.Set("namespace", t.namespace)
		return v
	}
	return []struct {
		name string
		draw func(*rand.Rand) question
	}{
		{"one object", func(r *rand.Rand) question { return d.things[r.IntN(len(d.things))].question() }},
		{"one minute", func(r *rand.Rand) question { return within(window(r, time.Minute)) }},
		{"all time from a minute on", func(r *rand.Rand) question {
			v := window(r, time.Minute)
			v.Del("until")
			return within(v)
		}},
		{"one hour of one resource in one namespace", func(r *rand.Rand) question { return within(place(r, window(r, time.Hour))) }},
		{"one resource in one namespace, the oldest", func(r *rand.Rand) question { return within(place(r, url.Values{})) }},
		{"one hour of one manager", func(r *rand.Rand) question {
			v := window(r, time.Hour)
			v.Set("manager", rareManager)
			return within(v)
		}},
		{"the newest minute", func(*rand.Rand) question {
			return within(url.Values{"since": {newest.Add(-time.Minute).UTC().Format(time.RFC3339)}})
		}},
	}
}

// rareManager is that of the stand-in's objects that writes the fewest changes.
const rareManager = "crossplane-composed"

// question asks for all events of one object.
func (t *thing) question() question {
	path := fmt.Sprintf("/api/v1/objects/%s/%s/%s/%s/events", t.ref.Group, t.ref.Resource, t.namespace, t.name)
	return question{path: path, check: func(events []watch.Event) error {
		if len(events) != min(t.events, page) {
			return fmt.Errorf("%d events of %d", len(events), t.events)
		}
		return nil
	}}
}

// within asks for the events that some parameters name.
func within(v url.Values) question {
	return question{path: "/api/v1/events?" + v.Encode(), check: func(events []watch.Event) error {
		for i := range events {
			ev := &events[i]
			if r, ns := v.Get("resource"), v.Get("namespace"); r != "" && (ev.Resource.Name() != r || ev.Namespace != ns) {
				return fmt.Errorf("an event of %s in %s", ev.Resource.Name(), ev.Namespace)
			}
		}
		return nil
	}}
}

// answers are the times that one kind of questions took.
type answers struct {
	name  string
	took  []time.Duration
	items int
}

// ask asks each question many times. The first answers count as well.
func (d *deep) ask(ctx context.Context, server *serving.Server) error {
	newest, err := d.newest(ctx)
	if err != nil {
		return err
	}
	draw := rand.New(rand.NewPCG(d.seed, 3))
	for _, kind := range d.questions(newest) {
		a := answers{name: kind.name}
		for range d.depth.questions {
			q := kind.draw(draw)
			events, took, err := server.Events(ctx, q.path)
			if err == nil {
				err = q.check(events)
			}
			if err != nil {
				return fmt.Errorf("%s: %s: %w", kind.name, q.path, err)
			}
			a.took, a.items = append(a.took, took), a.items+len(events)
		}
		if a.items == 0 {
			return fmt.Errorf("%s: nothing was found", kind.name)
		}
		slices.Sort(a.took)
		d.say("%s: p50 %s, p99 %s, at most %s; %d events on average", a.name, part(a.took, 0.5), part(a.took, 0.99), part(a.took, 1), a.items/len(a.took))
		d.report.answers = append(d.report.answers, a)
	}
	return nil
}

// newest is the time of the last event.
func (d *deep) newest(ctx context.Context) (at time.Time, err error) {
	r, err := store.OpenReadOnly(ctx, d.data)
	if err != nil {
		return at, err
	}
	for ev, err := range r.Events(ctx, store.Query{Newest: true, Limit: 1}) {
		if err != nil {
			return at, errors.Join(err, r.Close())
		}
		at = ev.Time
	}
	return at, r.Close()
}

// part is a quantile of sorted durations.
func part(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
