package report

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// following are the headers with which a browser follows a link.
var following = []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}

// newDoored returns a handler that asks nobody, and counts the links that were used.
func newDoored() (*Handler, *atomic.Int32) {
	used := &atomic.Int32{}
	return whole(func(o *HandlerOptions) { o.LinkUsed = func() { used.Add(1) } }), used
}

// TestLinkLetsOneBrowserIn: and the next link the next one.
func TestLinkLetsOneBrowserIn(t *testing.T) {
	h, used := newDoored()
	for n := int32(1); n <= 2; n++ {
		link := "/" + h.door.query()
		w := request(h, "GET", link, slices.Concat(following, []string{"Host", "127.0.0.1:8080"})...)
		want := http.Header{
			"Location":   {"./"},
			"Set-Cookie": {"crdwatch_8080=" + h.door.session + "; Path=/; HttpOnly; SameSite=Strict"},
		}
		got := http.Header{"Location": w.Header()["Location"], "Set-Cookie": w.Header()["Set-Cookie"]}
		if d := cmp.Diff(want, got); w.Code != http.StatusSeeOther || d != "" || used.Load() != n {
			t.Fatalf("%d, link used %d times, headers (-want +got):\n%s", w.Code, used.Load(), d)
		}
		if again := request(h, "GET", link, following...); again.Code != http.StatusUnauthorized || again.Header().Get("Set-Cookie") != "" || used.Load() != n {
			t.Errorf("the second time: %d %v", again.Code, again.Header())
		}
	}
}

// TestWhoPassesTheDoor: programs, and browsers with the cookie of this process.
func TestWhoPassesTheDoor(t *testing.T) {
	h, _ := newDoored()
	earlier, _ := newDoored()
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	cookie := "crdwatch_8080=" + h.door.session
	for name, test := range map[string]struct {
		header []string
		code   int
	}{
		"a program":                            {nil, 200},
		"curl":                                 {[]string{"User-Agent", "curl/8.14.1", "Accept", "*/*"}, 200},
		"curl that wants HTML":                 {[]string{"User-Agent", "curl/8.14.1", "Accept", "text/html"}, 200},
		"Prometheus":                           {[]string{"User-Agent", "Prometheus/3.5.0", "Accept", "application/openmetrics-text;version=1.0.0"}, 200},
		"a browser":                            {[]string{"User-Agent", firefox, "Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 401},
		"a page of ours":                       {[]string{"User-Agent", firefox, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 401},
		"an old browser":                       {[]string{"User-Agent", firefox}, 401},
		"a browser under a false name":         {[]string{"User-Agent", "curl/8.14.1", "Sec-Fetch-Dest", "empty"}, 401},
		"a browser under a false name, origin": {[]string{"User-Agent", "curl/8.14.1", "Origin", "http://127.0.0.1:8080"}, 401},
		"the cookie":                           {[]string{"Sec-Fetch-Mode", "cors", "Cookie", cookie}, 200},
		"the cookie of an old browser":         {[]string{"User-Agent", firefox, "Cookie", "other=1; " + cookie}, 200},
		"the cookie among its like":            {[]string{"Sec-Fetch-Mode", "cors", "Cookie", "crdwatch_8080=; " + cookie}, 200},
		"an empty cookie":                      {[]string{"Sec-Fetch-Mode", "cors", "Cookie", "crdwatch_8080="}, 401},
		"the beginning of the cookie":          {[]string{"Sec-Fetch-Mode", "cors", "Cookie", cookie[:len(cookie)-1]}, 401},
		"the cookie of an earlier process":     {[]string{"Sec-Fetch-Mode", "cors", "Cookie", "crdwatch_8080=" + earlier.door.session}, 401},
		"the cookie of another port":           {[]string{"Sec-Fetch-Mode", "cors", "Cookie", "crdwatch_8090=" + h.door.session}, 401},
		"the token for a cookie":               {[]string{"Sec-Fetch-Mode", "cors", "Cookie", "crdwatch_8080=" + h.door.token}, 401},
	} {
		header := slices.Concat([]string{"Host", "127.0.0.1:8080"}, test.header)
		for _, target := range []string{"/", "/api/v1/resources", "/api/v1/openapi.json", "/metrics"} {
			if w := request(h, "GET", target, header...); w.Code != test.code {
				t.Errorf("%s, %s: %d, want %d", name, target, w.Code, test.code)
			}
		}
		if w := request(h, "GET", "/none", header...); (w.Code == 401) != (test.code == 401) {
			t.Errorf("%s: a path that is not there: %d", name, w.Code)
		}
	}
}

// TestLinkIsKept: nobody uses it up but who follows it and is not in yet.
func TestLinkIsKept(t *testing.T) {
	h, used := newDoored()
	link := "/" + h.door.query()
	for name, test := range map[string]struct {
		method, target string
		header         []string
		code           int
	}{
		"HEAD":                  {"HEAD", link, following, 401},
		"POST":                  {"POST", link, following, 401},
		"another path":          {"GET", "/api/v1/resources" + h.door.query(), following, 401},
		"a prefetch":            {"GET", link, slices.Concat(following, []string{"Sec-Purpose", "prefetch"}), 401},
		"a prerender":           {"GET", link, slices.Concat(following, []string{"Sec-Purpose", "prefetch;prerender"}), 401},
		"an old prefetch":       {"GET", link, slices.Concat(following, []string{"Purpose", "prefetch"}), 401},
		"an older prefetch":     {"GET", link, slices.Concat(following, []string{"X-Moz", "prefetch"}), 401},
		"a preview":             {"GET", link, slices.Concat(following, []string{"X-Purpose", "preview"}), 401},
		"a program":             {"GET", link, nil, 200},
		"a browser that is in":  {"GET", link, slices.Concat(following, []string{"Cookie", "crdwatch=" + h.door.session}), 303},
		"another token":         {"GET", "/?token=" + h.door.session, following, 401},
		"a part of it":          {"GET", link[:len(link)-1], following, 401},
		"no token":              {"GET", "/?token=", following, 401},
		"another name (rebind)": {"GET", link, slices.Concat(following, []string{"Host", "evil.example"}), 403},
		"a page elsewhere":      {"GET", link, slices.Concat(following, []string{"Origin", "http://evil.example"}), 403},
		"a frame elsewhere":     {"GET", link, slices.Concat(following, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe"}), 403},
	} {
		w := request(h, test.method, test.target, test.header...)
		if w.Code != test.code || (w.Header().Get("Set-Cookie") != "") != (test.code == 303) {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	if w := request(h, "GET", link, following...); w.Code != http.StatusSeeOther || used.Load() != 1 {
		t.Errorf("the link was used up: %d, used %d times", w.Code, used.Load())
	}
}

func TestOneOfManyUsesTheLink(t *testing.T) {
	h, used := newDoored()
	link := "/" + h.door.query()
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if request(h, "GET", link, following...).Code == http.StatusSeeOther {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 || used.Load() != 1 {
		t.Errorf("%d browsers are in, and the link was used %d times", in.Load(), used.Load())
	}
}

// TestStrangerIsToldWhatToDo: people read a page, the page's script a Status.
func TestStrangerIsToldWhatToDo(t *testing.T) {
	h, _ := newDoored()
	for target, want := range map[string]string{
		"/": strangerMessage, "/api/v1/findings": strangerMessage, "/?token=used": staleMessage,
	} {
		w := request(h, "GET", target, following...)
		if w.Code != http.StatusUnauthorized || w.Header().Get("Content-Type") != mediaHTML || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), w.Body)
		}
		status := request(h, "GET", target, "Sec-Fetch-Mode", "cors", "Accept", "*/*")
		got := decode[metav1.Status](t, status)
		if got.Code != http.StatusUnauthorized || got.Reason != metav1.StatusReasonUnauthorized || got.Message != want {
			t.Errorf("%s: %s", target, status.Body)
		}
		for _, w := range []*httptest.ResponseRecorder{w, status} {
			for name, value := range map[string]string{
				"WWW-Authenticate": `Cookie cookie-name="crdwatch"`, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			} {
				if got := w.Header().Get(name); got != value {
					t.Errorf("%s: %s is %q", target, name, got)
				}
			}
		}
		if head := request(h, "HEAD", target, following...); head.Code != http.StatusUnauthorized || head.Body.Len() > 0 {
			t.Errorf("HEAD %s: %d %s", target, head.Code, head.Body)
		}
	}
	if strings.Contains(strangerHTML, "<script") || strings.Contains(strangerHTML, "style") {
		t.Error("the policy forbids what the page has")
	}
}

func TestCookieIsOfThePortThatTheBrowserSees(t *testing.T) {
	for host, want := range map[string]string{
		"localhost:8080": "crdwatch_8080", "[::1]:9000": "crdwatch_9000", "localhost": "crdwatch", "[::1]": "crdwatch",
		"localhost:": "crdwatch", "localhost:80; a=b": "crdwatch", `localhost:"`: "crdwatch",
	} {
		if got := cookieName(&http.Request{Host: host}); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

// TestCookieStaysEncrypted where the link is.
func TestCookieStaysEncrypted(t *testing.T) {
	h, _ := newDoored()
	r := httptest.NewRequest("GET", "https://localhost:8443/"+h.door.query(), nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if cookies := w.Result().Cookies(); w.Code != http.StatusSeeOther || len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("%d %v", w.Code, cookies)
	}
}

// TestBrowserFollowsTheStream: from the link that the server names to a live event, with
// nothing but what a browser keeps.
func TestBrowserFollowsTheStream(t *testing.T) {
	r := run(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url, accept string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Accept", accept)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	stream := r.ReportURL() + "/api/v1/events?watch=true"
	if resp := get(stream, mediaSSE); resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("a stranger gets %s", resp.Status)
	}
	link := r.PageURL()
	if resp := get(link, "text/html"); resp.StatusCode != http.StatusOK || resp.Request.URL.String() != r.ReportURL()+"/" {
		t.Fatalf("%s leads to %s: %s", link, resp.Request.URL, resp.Status)
	}
	resp := get(stream, mediaSSE)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	fill(r.ledger, 1)
	if m, err := newMessages(resp.Body).next(); err != nil || m.event != "" || !strings.Contains(m.data, "tls-0") {
		t.Errorf("%v, %v", m, err)
	}
	if r.PageURL() == link || !strings.HasPrefix(r.PageURL(), r.ReportURL()+"/?token=") {
		t.Errorf("the next link is %s", r.PageURL())
	}
}

// TestNoDoorWhereCallersAreKnown: who is asked who they are needs no link, and gets none.
func TestNoDoorWhereCallersAreKnown(t *testing.T) {
	h, _ := newGuarded(NewLedger(LedgerOptions{}))
	for target, code := range map[string]int{"/?token=x": 200, "/": 200} {
		w := request(h, "GET", target, slices.Concat(following, []string{"Authorization", "Bearer x"})...)
		if w.Code != code || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
	}
	w := request(h, "GET", "/?token=x", following...)
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" || w.Header().Get("Content-Type") != mediaJSON {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	server, err := Listen(t.Context(), ServerOptions{ReportAddress: "127.0.0.1:0", ProbeAddress: "127.0.0.1:0", Handler: h, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.reportListener.Close()
	defer server.probeListener.Close()
	if got := server.PageURL(); got != server.ReportURL()+"/" {
		t.Errorf("the page is at %s", got)
	}
}

// TestSecretsAreOfOneProcess, and long enough not to be guessed.
func TestSecretsAreOfOneProcess(t *testing.T) {
	a, b := newDoor(), newDoor()
	seen := map[string]bool{}
	for _, secret := range []string{a.session, b.session, a.token, b.token} {
		// 26 characters of base32 are 130 bits.
		if len(secret) < 26 || seen[secret] {
			t.Errorf("%q is short, or not the only one", secret)
		}
		seen[secret] = true
	}
}
