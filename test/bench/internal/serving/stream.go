package serving

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// stuckAfter is how long no event may come before those that are missing are lost.
const stuckAfter = time.Minute

// Arrival is an event as a client saw it.
type Arrival struct {
	ID string
	At time.Time
}

// Stream is a client of the live stream that keeps which events came when.
type Stream struct {
	*Listener

	mu       sync.Mutex
	arrivals []Arrival
}

// Follow opens the live stream and returns when the server has answered. The caller
// closes it.
func (s *Server) Follow(ctx context.Context) (*Stream, error) {
	st := &Stream{}
	var err error
	st.Listener, err = s.Listen(ctx, "", func(data []byte, at time.Time) { st.add(Arrival{eventID(data), at}) })
	return st, err
}

// Listener is a client of the live stream that keeps nothing.
type Listener struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it ended; read it after done
}

// Listen opens the live stream with further parameters, such as "&type=ADDED", and returns
// when the server has answered. Each event's JSON, with the time at which it came, is given
// to a function that must not keep it. The caller closes the Listener.
func (s *Server) Listen(ctx context.Context, parameters string, each func(data []byte, at time.Time)) (*Listener, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.report+"/api/v1/events?watch=true"+parameters, http.NoBody)
	if err != nil {
		cancel()
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // whoever reads it closes it, below
	if err != nil {
		cancel()
		return nil, fmt.Errorf("following the events: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		cancel()
		return nil, errors.Join(fmt.Errorf("following the events: %s", resp.Status), resp.Body.Close())
	}
	l := &Listener{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer resp.Body.Close()
		l.err = listen(resp.Body, each)
	}()
	return l, nil
}

// Err is why the stream ended, nil as long as it has not.
func (l *Listener) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close leaves the stream.
func (l *Listener) Close() {
	l.cancel()
	<-l.done
}

// listen takes the time before it looks at what came. It returns why the stream ended.
func listen(body io.Reader, each func(data []byte, at time.Time)) error {
	lines := bufio.NewReaderSize(body, 1<<20)
	for {
		line, err := lines.ReadSlice('\n')
		now := time.Now()
		if err != nil {
			return fmt.Errorf("following the events: %w", err)
		}
		if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			return fmt.Errorf("following the events: the server said %s", bytes.TrimSpace(name))
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			each(data, now)
		}
	}
}

// eventID finds the ID, which comes before anything that an object may hold.
func eventID(data []byte) string {
	_, rest, _ := bytes.Cut(data, []byte(`"id":"`))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return strings.ReplaceAll(string(id), `\/`, "/")
}

func (st *Stream) add(a Arrival) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.arrivals = append(st.arrivals, a)
}

func (st *Stream) state() (int, error) {
	ended := st.Err()
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.arrivals), ended
}

// Take blocks until n events have come since the last Take, and returns all that have.
// It gives up when nothing comes any more.
func (st *Stream) Take(ctx context.Context, n int) ([]Arrival, error) {
	const poll = 10 * time.Millisecond
	tick := time.NewTicker(poll)
	defer tick.Stop()
	came, last := 0, time.Now()
	for {
		now, err := st.state()
		switch {
		case now >= n:
			return st.taken(), nil
		case err != nil:
			return nil, fmt.Errorf("after %d of %d events: %w", now, n, err)
		case now > came:
			came, last = now, time.Now()
		case time.Since(last) > stuckAfter:
			return nil, fmt.Errorf("%d of %d events came, and no more in %s", now, n, stuckAfter)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (st *Stream) taken() []Arrival {
	st.mu.Lock()
	defer st.mu.Unlock()
	taken := st.arrivals
	st.arrivals = nil
	return taken
}
