package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/load"
)

const (
	// span is the time that the events are spread over.
	span = 7 * 24 * time.Hour
	// sampleRate and sampleTime make the real events that the others are made after.
	sampleRate, sampleTime = 400, 10 * time.Second
	// batch is how many events are written at once. There are fewer sync calls to the disk
	// than a server makes; what is on disk then is the same.
	batch = 50_000
	// firstRevision is one that the stand-in does not come to.
	firstRevision = 1 << 40
)

// thing is an object that events are about.
type thing struct {
	ref             watch.ResourceRef
	namespace, name string
	uid             types.UID
	// events is how many of them there are.
	events int
}

// samples lets a server watch a few objects of the same types change, and returns what it
// kept of that, by the type.
func (d *deep) samples(ctx context.Context) (_ map[watch.ResourceRef][]watch.Event, err error) {
	data := filepath.Join(d.home, "samples")
	stand, err := d.standIn(load.Options{CRDs: d.kinds, Objects: 100 * d.kinds})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stand.Close()) }()
	server, _, err := d.start(ctx, stand, data)
	if err != nil {
		return nil, err
	}
	if err := stand.Change(sampleRate); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(sampleTime):
	}
	if err := server.Stop(); err != nil {
		return nil, err
	}
	r, err := store.OpenReadOnly(ctx, data)
	if err != nil {
		return nil, err
	}
	found := map[watch.ResourceRef][]watch.Event{}
	for ev, err := range r.Events(ctx, store.Query{Type: watch.Modified}) {
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		found[ev.Resource] = append(found[ev.Resource], ev)
	}
	return found, errors.Join(r.Close(), os.RemoveAll(data))
}

// read learns which objects there are from what is kept of them, and how many events each
// is to have: all are drawn anew, in the same way each time.
func (d *deep) read(ctx context.Context) error {
	if d.things != nil {
		return nil
	}
	r, err := store.OpenReadOnly(ctx, d.data)
	if err != nil {
		return err
	}
	checkpoints, err := r.Checkpoints(ctx)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	for _, c := range checkpoints {
		if c.Ref.Group == "apiextensions.k8s.io" {
			continue
		}
		for o, err := range r.Objects(ctx, c.Resource) {
			if err != nil {
				return errors.Join(err, r.Close())
			}
			d.things = append(d.things, thing{ref: c.Ref, namespace: o.Namespace, name: o.Name, uid: o.UID})
		}
	}
	if len(d.things) != d.depth.objects {
		err = fmt.Errorf("%d objects are kept of %d", len(d.things), d.depth.objects)
	}
	draw := d.draws()
	for range d.depth.events {
		d.things[draw.IntN(len(d.things))].events++
	}
	return errors.Join(err, r.Close())
}

// draws says which object each event is about.
func (d *deep) draws() *rand.Rand { return rand.New(rand.NewPCG(d.seed, 1)) }

// append makes the events, and writes them to the history as the server does.
func (d *deep) append(ctx context.Context, samples map[watch.ResourceRef][]watch.Event) (err error) {
	s, err := store.Open(ctx, d.data, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	last, err := s.LastSeq(ctx)
	if err != nil {
		return err
	}
	began, batches := time.Now(), make(chan []watch.Event, 1)
	x, err := dropIndexes(ctx, d.data)
	if err != nil {
		return err
	}
	go d.make(ctx, samples, last, began, batches)
	written := 0
	for events := range batches {
		if err := s.Commit(ctx, store.Batch{Events: events}); err != nil {
			return err
		}
		if written += len(events); written%(20*batch) == 0 {
			d.say("%d events written, %.0f per second", written, float64(written)/time.Since(began).Seconds())
		}
	}
	if err := errors.Join(ctx.Err(), x.restore(ctx)); err != nil {
		return err
	}
	d.say("%d events written and found again after %.0f s", written, time.Since(began).Seconds())
	return nil
}

// make sends all events, which end now, in batches.
func (d *deep) make(ctx context.Context, samples map[watch.ResourceRef][]watch.Event, last uint64, now time.Time, batches chan<- []watch.Event) {
	defer close(batches)
	which, how := d.draws(), rand.New(rand.NewPCG(d.seed, 2))
	step := span / time.Duration(d.depth.events)
	var events []watch.Event
	for i := range d.depth.events {
		of := &d.things[which.IntN(len(d.things))]
		like := samples[of.ref]
		ev := of.event(&like[how.IntN(len(like))], now.Add(step*time.Duration(i)-span))
		ev.Seq = last + uint64(i) + 1
		ev.ResourceVersion = strconv.Itoa(firstRevision + i)
		ev.ID = string(ev.UID) + "/" + ev.ResourceVersion
		if events = append(events, ev); len(events) < batch && i+1 < d.depth.events {
			continue
		}
		select {
		case batches <- events:
			events = nil
		case <-ctx.Done():
			return
		}
	}
}

// event is one like another, about this object and at another time.
func (t *thing) event(like *watch.Event, at time.Time) watch.Event {
	ev := *like
	ev.Time = at.UTC().Truncate(time.Microsecond)
	ev.Namespace, ev.Name, ev.UID = t.namespace, t.name, t.uid
	ev.Changes = slices.Clone(ev.Changes)
	for i := range ev.Changes {
		retime(&ev.Changes[i], at)
	}
	return ev
}

// finishedAt comes before the moment of a change, in microseconds (see package load).
const finishedAt = "finished at "

// retime has a change say another moment.
func retime(c *diff.Change, at time.Time) {
	if text, ok := c.New.(string); ok && strings.HasPrefix(text, finishedAt) {
		c.Old = finishedAt + strconv.FormatInt(at.Add(-time.Hour).UnixMicro(), 10)
		c.New = finishedAt + strconv.FormatInt(at.UnixMicro(), 10)
	}
}
