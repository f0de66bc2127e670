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
		"own page":                 {"localhost:8080", "http://localhost:8080", 200, 200},
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
