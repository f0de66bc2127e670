package reliability

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/patience"
)

// shown is an event as a client of the live stream sees it.
type shown struct {
	seq uint64
	id  string
}

// client follows the live stream as a browser does: it comes back with the last ID.
type client struct {
	t           *testing.T
	connections int
	done        chan struct{} // closed when the connection has ended

	mu     sync.Mutex
	last   string
	events []shown
	// goodbye is the data of this connection's shutdown event.
	goodbye string
}

// follow connects, and reads until the connection ends.
func (c *client) follow(s *server) {
	c.t.Helper()
	report, _ := s.Addresses()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, report+"/api/v1/events?watch=true", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.last != "" {
		req.Header.Set("Last-Event-ID", c.last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		c.t.Fatalf("coming back with %q: %s %s", c.last, resp.Status, b)
	}
	c.connections++
	c.done, c.goodbye = make(chan struct{}), ""
	go func() {
		defer close(c.done)
		defer resp.Body.Close()
		c.read(bufio.NewReader(resp.Body))
	}()
}

// read takes in blocks of lines. One that is cut off counts for nothing, its ID
// neither.
func (c *client) read(r *bufio.Reader) {
	var event, id, data string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			c.take(event, id, data)
			event, id, data = "", "", ""
		}
	}
}

func (c *client) take(event, id, data string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if event == "shutdown" {
		c.goodbye = data
	}
	if id != "" {
		c.last = id
	}
	var ev watch.Event
	if data == "" || json.Unmarshal([]byte(data), &ev) != nil || ev.ID == "" {
		return
	}
	if id != strconv.FormatUint(ev.Seq, 10) {
		c.t.Errorf("event %d has the ID %q in the stream", ev.Seq, id)
	}
	c.events = append(c.events, shown{ev.Seq, ev.ID})
}

func (c *client) snapshot() []shown {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events[:len(c.events):len(c.events)]
}

// awaitMore waits for n more events.
func (c *client) awaitMore(n int) {
	c.t.Helper()
	want := len(c.snapshot()) + n
	patience.Until(c.t, fmt.Sprintf("the client has %d events", want), func() (bool, string) {
		got := len(c.snapshot())
		return got >= want, fmt.Sprint(got)
	})
}

// await waits for events with these IDs.
func (c *client) await(ids ...string) {
	c.t.Helper()
	patience.Until(c.t, "the client has the last events", func() (bool, string) {
		found := map[string]bool{}
		for _, e := range c.snapshot() {
			found[e.id] = true
		}
		missing := []string{}
		for _, id := range ids {
			if !found[id] {
				missing = append(missing, id)
			}
		}
		return len(missing) == 0, fmt.Sprint(missing)
	})
}

// ended waits for the end of the connection.
func (c *client) ended() {
	c.t.Helper()
	<-c.done
}

// compare compares what was shown with a history, from the first event shown on.
func (c *client) compare(history []shown) {
	c.t.Helper()
	got := c.snapshot()
	begin := slices.IndexFunc(history, func(s shown) bool { return s.seq >= got[0].seq })
	want := history[max(0, begin):]
	if !slices.Equal(want, got) { // a Diff of thousands takes seconds
		c.t.Errorf("shown (-history +client):\n%s", cmp.Diff(want, got, cmp.AllowUnexported(shown{})))
	}
}

// history is what a client should have been shown.
func (s *server) history() []shown {
	s.t.Helper()
	var all []shown
	err := reading(s.t.Context(), s.dir, func(r *store.Reader) error {
		for ev, err := range r.Events(s.t.Context(), store.Query{}) {
			if err != nil {
				return err
			}
			all = append(all, shown{ev.Seq, ev.ID})
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}
