package report

import (
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/crdwatch/crdwatch/pkg/access"
	"github.com/crdwatch/crdwatch/pkg/audit"
)

// servedPage is the page as a browser understands it.
func servedPage(t *testing.T) *html.Node {
	t.Helper()
	w := request(whole(nil), "GET", "/")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	doc, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// all are the elements with one of some names; without any, all elements.
func all(doc *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// directives are those of a Content-Security-Policy.
func directives(policy string) map[string]string {
	found := map[string]string{}
	for d := range strings.SplitSeq(policy, "; ") {
		name, value, _ := strings.Cut(d, " ")
		found[name] = value
	}
	return found
}

// TestPagePolicy: the browser runs what the page has, byte for byte, and nothing else; it
// loads nothing but answers of the API, and makes nothing of text but text.
func TestPagePolicy(t *testing.T) {
	doc := servedPage(t)
	scripts, styles := all(doc, "script"), all(doc, "style")
	if len(scripts) != 1 || len(styles) != 1 {
		t.Fatalf("%d scripts, %d styles", len(scripts), len(styles))
	}
	want := map[string]string{
		"default-src": "'none'", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
		"require-trusted-types-for": "'script'", "trusted-types": "'none'",
		"script-src": contentHash(textOf(scripts[0])), "style-src": contentHash(textOf(styles[0])),
	}
	w := request(whole(nil), "GET", "/")
	if d := cmp.Diff(want, directives(w.Header().Get("Content-Security-Policy"))); d != "" {
		t.Error(d)
	}
	for name, value := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// TestPagePolicyIsOnlyThePages: all else keeps the strict one, errors at this path too.
func TestPagePolicyIsOnlyThePages(t *testing.T) {
	for _, answer := range []struct {
		h            *Handler
		method, path string
		code         int
	}{
		{whole(nil), "POST", "/", 405},
		{whole(nil), "GET", "/page.js", 404},
		{whole(nil), "GET", "/index.html", 404},
		{whole(nil), "GET", "/api/v1/openapi.json", 200},
		{whole(admitting(access.ErrUnauthenticated)), "GET", "/", 401},
	} {
		w := request(answer.h, answer.method, answer.path)
		if got := w.Header().Get("Content-Security-Policy"); w.Code != answer.code || got != "default-src 'none'; frame-ancestors 'none'" {
			t.Errorf("%s %s: %d %s", answer.method, answer.path, w.Code, got)
		}
	}
}

// TestPageIsThereBeforeTheFirstSync: it says what is missing, which it reads from the API.
func TestPageIsThereBeforeTheFirstSync(t *testing.T) {
	inventory := &fixture{}
	inventory.setReady(errors.New("3 of 12 resources are still syncing"))
	h := whole(func(o *HandlerOptions) { o.Inventory = inventory })
	if w := request(h, "GET", "/"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := request(h, "GET", "/api/v1/findings"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestPageLoadsNothing: no address but those of the API, which are relative, and nothing
// in the markup that runs.
func TestPageLoadsNothing(t *testing.T) {
	doc := servedPage(t)
	allowed := regexp.MustCompile(`^(#[a-z]+|api/v1/[a-z.]+)$`)
	for _, n := range all(doc) {
		for _, a := range n.Attr {
			switch {
			case a.Key == "href" && n.Data == "a":
				if !allowed.MatchString(a.Val) {
					t.Errorf("%s leads to %s", n.Data, a.Val)
				}
			case slices.Contains([]string{"src", "href", "srcset", "srcdoc", "action", "style", "data"}, a.Key), strings.HasPrefix(a.Key, "on"):
				t.Errorf("%s has the attribute %s", n.Data, a.Key)
			}
		}
	}
	if unwanted := regexp.MustCompile(`url\(|@import|https?:`).FindString(textOf(all(doc, "style")[0])); unwanted != "" {
		t.Errorf("the style has %s", unwanted)
	}
}

// TestPageMakesTextOfText: nowhere does the script have the browser read text as anything
// else. The policy has the browser refuse it, too, but not every browser knows it.
func TestPageMakesTextOfText(t *testing.T) {
	script := textOf(all(servedPage(t), "script")[0])
	if unwanted := regexp.MustCompile(`(?i)(inner|outer)HTML|insertAdjacent|document\.write|\beval\b|\bFunction\(|DOMParser|srcdoc|createContextualFragment|javascript:|https?:|\.href|\bimport\b`).FindString(script); unwanted != "" {
		t.Errorf("the script has %s", unwanted)
	}
}

// TestPageIsAccessible: what can be told of the markup alone.
func TestPageIsAccessible(t *testing.T) {
	doc := servedPage(t)
	labels, ids := map[string]bool{}, map[string]bool{}
	for _, n := range all(doc, "label") {
		labels[attribute(n, "for")] = textOf(n) != ""
	}
	for _, n := range all(doc) {
		if id := attribute(n, "id"); id != "" && ids[id] {
			t.Errorf("the ID %s is there twice", id)
		} else {
			ids[id] = true
		}
	}
	for _, n := range all(doc, "input", "select") {
		if !labels[attribute(n, "id")] {
			t.Errorf("the %s %s has no label", n.Data, attribute(n, "id"))
		}
	}
	for _, n := range all(doc, "button", "a", "h1", "h2", "caption", "title") {
		if strings.TrimSpace(textOf(n)) == "" {
			t.Errorf("a %s has no text", n.Data)
		}
	}
	for _, n := range all(doc, "table") {
		region := n.Parent
		if len(all(n, "caption")) != 1 || attribute(region, "role") != "region" || attribute(region, "aria-label") == "" || attribute(region, "tabindex") != "0" {
			t.Errorf("the table %s has no caption, or cannot be scrolled with the keyboard", attribute(n, "id"))
		}
	}
	for _, n := range all(doc, "th") {
		if attribute(n, "scope") != "col" {
			t.Errorf("the header %s has no scope", textOf(n))
		}
	}
	for _, n := range all(doc, "section") {
		if !ids[attribute(n, "aria-labelledby")] {
			t.Error("a section has no name")
		}
	}
	if attribute(all(doc, "html")[0], "lang") == "" || len(all(doc, "h1")) != 1 || len(all(doc, "main")) != 1 || len(all(doc, "noscript")) != 1 {
		t.Error("the language, the heading, the main part, or what is said without JavaScript is missing")
	}
}

// TestPageFindsItsElements: those that the script names are there.
func TestPageFindsItsElements(t *testing.T) {
	doc := servedPage(t)
	ids := map[string]bool{}
	for _, n := range all(doc) {
		ids[attribute(n, "id")] = true
	}
	script := textOf(all(doc, "script")[0])
	named := regexp.MustCompile("\\b(?:byId|say|fill)\\([\"`]([^\"`]+)[\"`]").FindAllStringSubmatch(script, -1)
	if len(named) < 10 {
		t.Fatalf("the script names %d elements", len(named))
	}
	for _, m := range named {
		for _, part := range []string{"findings", "resources"} {
			if id := strings.Replace(m[1], "${part}", part, 1); !ids[id] {
				t.Errorf("there is no element %s", id)
			}
		}
	}
}

// captures are what a pattern finds in a part of the script.
func captures(t *testing.T, script, begin, pattern string) []string {
	t.Helper()
	_, part, ok := strings.Cut(script, begin)
	part, _, end := strings.Cut(part, "\n};")
	if !ok || !end {
		t.Fatalf("the script has no %s", begin)
	}
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(part, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return found
}

// TestPageKnowsTheAPI: the paths that it asks are there, and it has words for each signal
// of the stream and each refusal.
func TestPageKnowsTheAPI(t *testing.T) {
	script := textOf(all(servedPage(t), "script")[0])
	doc := document(t)
	codes := map[string]bool{"0": true}
	for _, target := range captures(t, script, "const paths = {", `: "([^"]+)"`) {
		path, _, _ := strings.Cut("/"+target, "?")
		item := doc.Paths.Paths[path]
		if item == nil {
			t.Fatalf("there is nothing at %s", path)
		}
		if w := request(whole(nil), "HEAD", "/"+target); w.Code != http.StatusOK {
			t.Errorf("%s: %d", target, w.Code)
		}
		for code := range item.Get.Responses.StatusCodeResponses {
			codes[strconv.Itoa(code)] = true
		}
	}
	// These are mistakes, of the page or of the server, and have no words of their own.
	for _, code := range []string{"200", "400", "500"} {
		delete(codes, code)
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(codes)), captures(t, script, "const refusals = {", `(?m)^  (\d+): "`)); d != "" {
		t.Errorf("answered (-), known to the page (+):\n%s", d)
	}
	stream := doc.Paths.Paths["/api/v1/events"].Get.Responses.StatusCodeResponses[200].Content[mediaSSE]
	blocks := stream.Extensions["x-blocks"].(map[string]any)
	delete(blocks, "message")
	if d := cmp.Diff(slices.Sorted(maps.Keys(blocks)), captures(t, script, "const signals = {", `(?m)^  (\w+): \(`)); d != "" {
		t.Errorf("sent (-), known to the page (+):\n%s", d)
	}
	var severities []string
	for _, s := range audit.Severities() {
		severities = append(severities, strconv.Quote(s.String()))
	}
	if want := "const severities = [" + strings.Join(severities, ", ") + "];"; !strings.Contains(script, want) {
		t.Errorf("the script has no %s", want)
	}
}
