package report

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// The bounds of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// parameters are the query parameters of a request, each given at most once. One
// that is given without a value counts as absent.
type parameters map[string]string

// parseParameters refuses what it does not know: a filter that is misspelt and
// ignored would show everything.
func parseParameters(r *http.Request, known ...string) (parameters, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badParameter("query", "%v", err)
	}
	params := parameters{}
	for _, name := range sortedKeys(values) {
		switch {
		case !slices.Contains(known, name):
			return nil, badParameter(name, "unknown parameter; known here: %s", oneOf(known))
		case len(values[name]) > 1:
			return nil, badParameter(name, "given more than once")
		}
		params[name] = values[name][0]
	}
	return params, nil
}

// sortedKeys makes the same request always fail in the same way.
func sortedKeys(values url.Values) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func oneOf(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}

// filter reads the parameters that select events.
func (p parameters) filter(now time.Time) (Filter, error) {
	f := Filter{
		Resource: p["resource"], Namespace: p["namespace"], Name: p["name"],
		Type: watch.EventType(p["type"]), Manager: p["manager"],
	}
	if f.Resource != "" && !strings.Contains(f.Resource, ".") {
		return f, badParameter("resource", "want plural.group, for example certificates.cert-manager.io")
	}
	if f.Type != "" && !slices.Contains(watch.EventTypes(), f.Type) {
		return f, badParameter("type", "want ADDED, MODIFIED, DELETED, GAP or FINDING")
	}
	return f, p.window(&f, now)
}

func (p parameters) window(f *Filter, now time.Time) (err error) {
	if f.Since, err = p.time("since", now); err != nil {
		return err
	}
	if f.Until, err = p.time("until", now); err != nil {
		return err
	}
	if !f.Until.IsZero() && f.Until.Before(f.Since) {
		return badParameter("until", "is before since")
	}
	return nil
}

// time reads either of the forms of kubectl logs: a moment, or how long ago.
func (p parameters) time(name string, now time.Time) (time.Time, error) {
	value := p[name]
	if value == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(value); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, badParameter(name, "want an RFC 3339 time or a duration before now, for example 10m")
	}
	return t, nil
}

// limit returns 0 when none is given. most is 0 where there is no upper bound.
func (p parameters) limit(most int) (int, error) {
	value := p["limit"]
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	switch {
	case err != nil || n < 1:
		return 0, badParameter("limit", "want a positive number")
	case most > 0 && n > most:
		return 0, badParameter("limit", "want at most %d", most)
	}
	return n, nil
}

func (p parameters) watch() (bool, error) {
	value := p["watch"]
	if value == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, badParameter("watch", "want true or false")
	}
	return on, nil
}
