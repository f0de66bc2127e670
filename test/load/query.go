package load

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// query is what is asked for.
type query struct {
	watch, initial, bookmarks bool
	// partial: metadata only.
	partial bool
	// exact: as it was at revision, and not later.
	exact    bool
	revision uint64
	limit    int
	from     position
	timeout  time.Duration
}

// position is where a list goes on. It is what a continue token holds.
type position struct {
	Revision uint64
	Number   int
}

// parseQuery understands what metav1.ListOptions has, as far as it is said here; it fails
// for the rest, rather than answering another question.
func parseQuery(r *http.Request) (query, error) {
	values := r.URL.Query()
	q := query{partial: strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata"), timeout: time.Hour}
	for name, value := range values {
		if err := q.set(name, value[0]); err != nil {
			return q, fmt.Errorf("%s: %w", name, err)
		}
	}
	return q, nil
}

func (q *query) set(name, value string) (err error) {
	switch name {
	case "watch":
		q.watch, err = strconv.ParseBool(value)
	case "sendInitialEvents":
		q.initial, err = strconv.ParseBool(value)
	case "allowWatchBookmarks":
		q.bookmarks, err = strconv.ParseBool(value)
	case "resourceVersion":
		if value != "" {
			q.revision, err = strconv.ParseUint(value, 10, 64)
		}
	case "resourceVersionMatch":
		q.exact = value == string(metav1.ResourceVersionMatchExact)
	case "limit":
		q.limit, err = strconv.Atoi(value)
	case "timeoutSeconds":
		var seconds int
		seconds, err = strconv.Atoi(value)
		q.timeout = time.Duration(seconds) * time.Second
	case "continue":
		err = q.from.parse(value)
	default:
		err = fmt.Errorf("%q is not understood", url.QueryEscape(value))
	}
	return err
}

func (p *position) parse(token string) error {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, p)
}

func (p position) String() string {
	text, _ := json.Marshal(p) // two numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

// render writes an object of a table as it is asked for.
func (q query) render(t *table) func(b []byte, o *subject) []byte {
	if q.partial {
		return t.partial
	}
	return t.whole
}
