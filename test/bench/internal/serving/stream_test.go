package serving

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// follow opens a stream that says what is given, and stays open.
func follow(t *testing.T, said string) *Stream {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, said)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	st, err := (&Server{report: server.URL}).Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return st
}

func TestStreamTakesEventsOnce(t *testing.T) {
	said := ": connected\nid: 6\n\n"
	for i := range 3 {
		said += fmt.Sprintf("id: %d\ndata: {\"schemaVersion\":\"v1\",\"id\":\"u/%d\",\"changes\":[{\"id\":\"other\"}]}\n\n", i+7, i)
	}
	st := follow(t, said)
	arrivals, err := st.Take(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range arrivals {
		ids = append(ids, a.ID)
	}
	if d := cmp.Diff([]string{"u/0", "u/1", "u/2"}, ids); d != "" {
		t.Error(d)
	}
	if again, err := st.Take(t.Context(), 0); err != nil || len(again) != 0 {
		t.Errorf("took %v again: %v", again, err)
	}
}

// A client that is told that it lost events must not wait for them.
func TestStreamFailsWhenTheServerGivesUp(t *testing.T) {
	st := follow(t, "event: overflow\nid: 7\ndata: {}\n\n")
	if arrivals, err := st.Take(t.Context(), 1); err == nil {
		t.Errorf("took %v after an overflow", arrivals)
	}
}
