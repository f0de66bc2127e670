package report

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// queryParameters are the names and schemas of an operation.
func queryParameters(op *spec3.Operation) map[string]*spec.Schema {
	found := map[string]*spec.Schema{}
	for _, p := range op.Parameters {
		if p.In == "query" {
			found[p.Name] = p.Schema
		}
	}
	return found
}

// TestDocumentHasAllParameters: of each path, those that it lists where it refuses another.
func TestDocumentHasAllParameters(t *testing.T) {
	known := regexp.MustCompile(`unknown parameter; known here: ([^"]+)"`)
	h := findingsHandler(t)
	for path, item := range document(t).Paths.Paths {
		w := request(h, "GET", example(path, item.Get)+"?no-such=1")
		documented := slices.Sorted(maps.Keys(queryParameters(item.Get)))
		if item.Get.Responses.StatusCodeResponses[400] == nil {
			if w.Code != 200 {
				t.Errorf("%s: %d", path, w.Code)
			}
			continue
		}
		found := known.FindStringSubmatch(w.Body.String())
		if found == nil {
			t.Fatalf("%s: %s", path, w.Body)
		}
		accepted := strings.Split(found[1], ", ")
		slices.Sort(accepted)
		if len(documented) == 0 {
			documented = []string{"none"}
		}
		if d := cmp.Diff(accepted, documented); d != "" {
			t.Errorf("%s: accepted (-), documented (+):\n%s", path, d)
		}
	}
}

// TestMetricsTakeNames: the one parameter that is not of our own making.
func TestMetricsTakeNames(t *testing.T) {
	names := queryParameters(document(t).Paths.Paths["/metrics"].Get)
	if len(names) != 1 || names["name[]"] == nil {
		t.Fatalf("%v", names)
	}
	body := request(findingsHandler(t), "GET", "/metrics?name[]=crdwatch_build_info&name[]=crdwatch_sse_clients").Body.String()
	if n := strings.Count(body, "# TYPE "); n != 2 {
		t.Errorf("%d metrics:\n%s", n, body)
	}
}

// lenient are values that are taken all the same, where the document asks for the clearer
// form.
var lenient = map[string][]string{"watch": {"0", "1"}, "since": {"0"}, "until": {"0"}}

// TestDocumentKnowsWhatIsAccepted gives all values to all parameters: what the schema
// accepts is accepted, and what it does not is refused.
func TestDocumentKnowsWhatIsAccepted(t *testing.T) {
	values := []string{
		"nonsense", "a.b", "-", "0", "1", "-1", "1.5", "1001", "true", "false", "10m", "1h30m", "1.5h", "10 m", "-10m",
		"2026-11-22T11:00:00Z", "2026-11-22T11:00:00.123456+01:00", "2026-11-22", "11:00", "CR004", "cr004", "CR", "added", "High",
	}
	for _, typ := range watch.EventTypes() {
		values = append(values, string(typ))
	}
	for _, s := range audit.Severities() {
		values = append(values, s.String())
	}
	h := findingsHandler(t)
	for path, item := range document(t).Paths.Paths {
		if item.Get.Responses.StatusCodeResponses[400] == nil {
			continue
		}
		for name, schema := range queryParameters(item.Get) {
			for _, value := range values {
				// HEAD, because a stream does not end; lines, because a page has an upper bound.
				w := request(h, "HEAD", example(path, item.Get)+"?"+name+"="+url.QueryEscape(value), "Accept", mediaNDJSON)
				accepted, want := w.Code != 400, accepts(schema, value)
				if accepted != want && !slices.Contains(lenient[name], value) {
					t.Errorf("%s: %s=%s is answered with %d; the schema accepts it: %t", path, name, value, w.Code, want)
				}
			}
		}
	}
}

// accepts tells whether a schema accepts the text of a parameter.
func accepts(s *spec.Schema, text string) bool {
	var v any = text
	if !s.Type.Contains("string") && len(s.AnyOf) == 0 {
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			v = n
		} else if text == "true" || text == "false" {
			v = text == "true"
		}
	}
	return validate.AgainstSchema(s, v, strfmt.Default) == nil
}

// TestDocumentNamesTheLimits: they are different for each form, which a schema cannot tell.
func TestDocumentNamesTheLimits(t *testing.T) {
	doc := document(t)
	events := doc.Paths.Paths["/api/v1/events"].Get
	text := events.Description + doc.Components.Parameters["limit"].Description + doc.Components.Responses["TooManyRequests"].Description
	for _, n := range []int{defaultLimit, maxLimit, maxStreams, maxStreamsOfOne} {
		if !strings.Contains(text, strconv.Itoa(n)+" ") {
			t.Errorf("%d is not named in %q", n, text)
		}
	}
	if want := strconv.Itoa(int(keepAliveInterval.Seconds())) + " seconds"; !strings.Contains(openAPIDocument, want) {
		t.Errorf("the sign of life every %s is not named", want)
	}
}
