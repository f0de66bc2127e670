package report

import (
	"net/http"
	"testing"
)

// TestOrigins: no page of another site gets an answer, whatever name it gives itself.
func TestOrigins(t *testing.T) {
	open, _ := newTestHandler(NewLedger(LedgerOptions{}))
	guarded, _ := newGuarded(NewLedger(LedgerOptions{}))
	for name, test := range map[string]struct {
		host, origin  string
		open, guarded int
	}{
		"localhost":                {"localhost:8080", "", 200, 200},
		"a tunnel to another port": {"LOCALHOST:9999", "", 200, 200},
		"loopback address":         {"127.0.0.1:8080", "", 200, 200},
		"loopback address 6":       {"[::1]:8080", "", 200, 200},
		"without a port":           {"[::1]", "", 200, 200},
		"own page, no cookie":      {"localhost:8080", "http://localhost:8080", 401, 200},
		"rebound name":             {"evil.example:8080", "", 403, 200},
		"rebound name, own page":   {"evil.example:8080", "http://evil.example:8080", 403, 200},
		"name that begins so":      {"localhost.evil.example", "", 403, 200},
		"address that begins so":   {"127.0.0.1.evil.example", "", 403, 200},
		"another address":          {"10.0.0.1:8080", "", 403, 200},
		"nothing":                  {"", "", 403, 200},
		"another site's page":      {"localhost:8080", "http://evil.example", 403, 403},
		"another port's page":      {"localhost:8080", "http://localhost:3000", 403, 403},
		"a page without an origin": {"localhost:8080", "null", 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"Authorization", "Bearer x", "Host", test.host}
			if test.origin != "" {
				header = append(header, "Origin", test.origin)
			}
			for _, h := range []struct {
				*Handler
				want int
			}{{open, test.open}, {guarded, test.guarded}} {
				if w := request(h, "GET", "/api/v1/resources", header...); w.Code != h.want {
					t.Errorf("%d, want %d: %s", w.Code, h.want, w.Body)
				}
			}
		})
	}
}

// TestEmbedding: what a page of another site loads as a part of itself is refused, whatever
// the browser sends along; a link to here is not.
func TestEmbedding(t *testing.T) {
	open, _ := newTestHandler(NewLedger(LedgerOptions{}))
	guarded, _ := newGuarded(NewLedger(LedgerOptions{}))
	for name, test := range map[string]struct {
		site, mode, dest string
		code             int
	}{
		"our page asks":             {"same-origin", "cors", "empty", 200},
		"an address is typed":       {"none", "navigate", "document", 200},
		"a link of another site":    {"cross-site", "navigate", "document", 200},
		"a link of another port":    {"same-site", "navigate", "document", 200},
		"a frame of another site":   {"cross-site", "navigate", "iframe", 403},
		"an image in another site":  {"cross-site", "no-cors", "image", 403},
		"an image of another port":  {"same-site", "no-cors", "image", 403},
		"a script of another port":  {"same-site", "no-cors", "script", 403},
		"another site's prefetch":   {"cross-site", "no-cors", "empty", 403},
		"an object in another site": {"cross-site", "navigate", "embed", 403},
	} {
		header := []string{
			"Sec-Fetch-Site", test.site, "Sec-Fetch-Mode", test.mode, "Sec-Fetch-Dest", test.dest,
			"Authorization", "Bearer x", "Cookie", "crdwatch=" + open.door.session,
		}
		for _, h := range []*Handler{open, guarded} {
			if w := request(h, "GET", "/api/v1/resources", header...); w.Code != test.code {
				t.Errorf("%s: %d, want %d: %s", name, w.Code, test.code, w.Body)
			}
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	h, _ := newTestHandler(NewLedger(LedgerOptions{}))
	for _, target := range []string{"/api/v1/resources", "/none", "/metrics"} {
		w := request(h, http.MethodGet, target)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
	}
}
