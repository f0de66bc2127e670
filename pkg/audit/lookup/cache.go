package lookup

import (
	"context"
	"sync"
	"time"
)

// cache keeps values for a time, and finds each out once at a time, whoever asks.
type cache[K comparable, V any] struct {
	ttl time.Duration // 0: for ever
	now func() time.Time

	mu      sync.Mutex
	entries map[K]*entry[V]
	sweep   time.Time // when what has expired is thrown away next
}

type entry[V any] struct {
	// done is closed when the rest is written.
	done    chan struct{}
	value   V
	expires time.Time
	// void: whoever was to find it out was stopped.
	void bool
}

func newCache[K comparable, V any](ttl time.Duration, now func() time.Time) *cache[K, V] {
	return &cache[K, V]{ttl: ttl, now: now, entries: map[K]*entry[V]{}}
}

// value returns what find returns, or returned a while ago, perhaps for another
// caller. Its only error is that of ctx.
func (c *cache[K, V]) value(ctx context.Context, k K, find func() V) (V, error) {
	for {
		e, mine := c.entry(k)
		if mine {
			c.fill(ctx, k, e, find)
			return e.value, ctx.Err()
		}
		select {
		case <-e.done:
		case <-ctx.Done():
			return e.none(), ctx.Err()
		}
		if !e.void {
			return e.value, nil
		}
	}
}

func (e *entry[V]) none() (none V) { return none }

// entry returns the entry of a key, and whether it is the caller's to fill.
func (c *cache[K, V]) entry(k K) (*entry[V], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil && !c.expired(e) {
		return e, false
	}
	c.throwAway()
	e := &entry[V]{done: make(chan struct{})}
	c.entries[k] = e
	return e, true
}

// fill finds the value out. What a stopped caller came to is nobody else's.
func (c *cache[K, V]) fill(ctx context.Context, k K, e *entry[V], find func() V) {
	defer close(e.done)
	value := find()
	c.mu.Lock()
	defer c.mu.Unlock()
	e.value, e.void = value, ctx.Err() != nil
	if c.ttl > 0 {
		e.expires = c.now().Add(c.ttl)
	}
	if e.void {
		delete(c.entries, k)
	}
}

// expired is called with mu held.
func (c *cache[K, V]) expired(e *entry[V]) bool {
	return !e.expires.IsZero() && !c.now().Before(e.expires)
}

// throwAway is called with mu held.
func (c *cache[K, V]) throwAway() {
	now := c.now()
	if c.ttl == 0 || now.Before(c.sweep) {
		return
	}
	c.sweep = now.Add(c.ttl)
	for k, e := range c.entries {
		if c.expired(e) {
			delete(c.entries, k)
		}
	}
}
