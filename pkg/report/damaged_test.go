package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// unwell is a history of which some events cannot be read, and which may end in an error.
type unwell struct {
	History
	damaged []uint64
	end     error
}

func (u *unwell) Events(ctx context.Context, q store.Query) iter.Seq2[watch.Event, error] {
	return func(yield func(watch.Event, error) bool) {
		for ev, err := range u.History.Events(ctx, q) {
			if slices.Contains(u.damaged, ev.Seq) {
				ev, err = watch.Event{Seq: ev.Seq}, &store.DamagedError{What: "an event", Err: errors.New("a bit flipped")}
			}
			if !yield(ev, err) {
				return
			}
		}
		if u.end != nil {
			yield(watch.Event{}, u.end)
		}
	}
}

// again is a life after ten events, in which the history is unwell.
func again(t *testing.T, u *unwell) *durable {
	t.Helper()
	dir := t.TempDir()
	f := begin(t, dir, life{})
	f.record(t, 10)
	f.end(t)
	return begin(t, dir, life{wrap: func(h History) History { u.History = h; return u }})
}

func TestDamagedEventsAreNeverPassedOverInSilence(t *testing.T) {
	f := again(t, &unwell{damaged: []uint64{1003, 1004, 1008}})
	page := decode[Page](t, request(f.handler, "GET", "/api/v1/events"))
	if d := cmp.Diff([]uint64{1003, 1004, 1008}, page.Damaged); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]uint64{1001, 1002, 1005, 1006, 1007, 1009, 1010}, seqs(page.Items)); d != "" {
		t.Error(d)
	}
	if got := strings.Count(f.log.String(), "level=ERROR"); got != 1 || !strings.Contains(f.log.String(), "events=3") {
		t.Errorf("the log of one page:\n%s", f.log)
	}
	page = decode[Page](t, request(f.handler, "GET", "/api/v1/events?limit=3"))
	if len(page.Items) != 2 || len(page.Damaged) != 1 || page.NextCursor != (Cursor{epoch: f.ledger.epoch, seq: 1003}).String() {
		t.Errorf("of three: %+v", page)
	}
	// The lines come all, and then the answer does not end as it should.
	resp := open(t, f.server.URL+"/api/v1/events", "Accept", mediaNDJSON)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || bytes.Count(body, []byte("\n")) != 7 {
		t.Errorf("%v: %s", err, body)
	}
	m := f.stream(t, "", "Last-Event-ID", "1002")
	msg, err := m.next()
	if want := (message{id: "1003", event: "damaged", data: `{"seq":1003}`}); err != nil || msg != want {
		t.Errorf("got %v, %v", msg, err)
	}
	if d := cmp.Diff(ids(1004, 1010), m.ids(t, 7)); d != "" {
		t.Error(d)
	}
}

func TestHistoryThatFailsIsAnErrorNotAnEnd(t *testing.T) {
	f := again(t, &unwell{end: errors.New("the disk at /secret is gone")})
	w := request(f.handler, "GET", "/api/v1/events")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(f.log.String(), "/secret") {
		t.Errorf("the log: %s", f.log)
	}
	resp := open(t, f.server.URL+"/api/v1/events", "Accept", mediaNDJSON)
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("lines end with %v", err)
	}
	m := f.stream(t, "", "Last-Event-ID", "1000")
	m.ids(t, 10)
	if msg, err := m.next(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream goes on: %v, %v", msg, err)
	}
}

func TestRetentionThatOvertakesAStreamIsTold(t *testing.T) {
	f := again(t, &unwell{end: &store.ExpiredError{Oldest: 1008}})
	m := f.stream(t, "", "Last-Event-ID", "1000")
	m.ids(t, 10)
	msg, err := m.next()
	oldest := Cursor{epoch: f.ledger.epoch, seq: 1007}
	if want := (message{id: "1007", event: "overflow", data: fmt.Sprintf(`{"cursor":%q}`, oldest)}); err != nil || msg != want {
		t.Errorf("got %v, %v; want %v", msg, err, want)
	}
}

func TestShutdownLeavesTheHistoryForTheNextConnection(t *testing.T) {
	f := again(t, &unwell{})
	f.handler.EndStreams()
	for query, seq := range map[string]uint64{"cursor=1004": 1004, "since=2026-11-22T00:00:00Z": 1000, "": 1010} {
		m := f.stream(t, query)
		msg, err := m.next()
		// It may have been sent something before the stream noticed.
		for ; err == nil && msg.event == ""; msg, err = m.next() {
			seq++
		}
		if want := fmt.Sprintf(`{"cursor":%q}`, Cursor{epoch: f.ledger.epoch, seq: seq}); err != nil || msg.event != "shutdown" || msg.data != want {
			t.Errorf("%q: got %v, %v; want %s", query, msg, err, want)
		}
	}
}
