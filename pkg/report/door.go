package report

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

//go:embed page/stranger.html
var strangerHTML string

// welcomeHTML is for a browser that does not follow the redirect by itself.
const welcomeHTML = `<!doctype html><html lang="en"><title>crdwatch</title><a href="./">crdwatch</a></html>` + "\n"

// What a browser is told that is not let in, and whoever is taken for one.
const (
	newestLink      = `that crdwatch serve has written to its terminal or log, as "page: http…" (it writes none with --quiet)`
	strangerMessage = "this browser is not known here: open the newest link " + newestLink +
		"; programs need no link, unless their User-Agent begins with Mozilla/"
	staleMessage = "this link has been used, or is of an earlier process: open the newest one " + newestLink
)

// door lets browsers in where nobody is asked who they are. A program acts for whoever
// runs it, and passes; a browser acts for every page that it shows, and may be at the end
// of a tunnel or a proxy. It gets in by a link with a token, which is good once, and is
// known from then on by a cookie, as long as this process runs.
type door struct {
	// session is what every cookie has. It proves that this process gave it to a browser,
	// and has to prove no more: so there is one for all, and none to store or to forget.
	session string

	mu    sync.Mutex
	token string
}

func newDoor() *door {
	return &door{session: rand.Text(), token: rand.Text()}
}

// query is what makes a link to the page one that lets a browser in.
func (d *door) query() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return "?token=" + d.token
}

// open tells whether a request passes. It answers one that does not, and calls used where
// the token was.
func (d *door) open(w http.ResponseWriter, r *http.Request, used func()) bool {
	if !fromBrowser(r) {
		return true
	}
	known := d.knows(r)
	token, follows := followsLink(r)
	switch {
	case known && !follows:
		return true
	case known:
		// Whoever is in already leaves the token to others.
		d.welcome(w, r)
	case follows && d.use(token):
		d.welcome(w, r)
		used()
	case follows:
		refuseStranger(w, r, staleMessage)
	default:
		refuseStranger(w, r, strangerMessage)
	}
	return false
}

// fromBrowser tells browsers from programs. All of today send Fetch Metadata to a loopback
// address (https://www.w3.org/TR/fetch-metadata), and older ones call themselves Mozilla. A
// page cannot keep them from the former; it can change the latter for its own origin only,
// because elsewhere a browser asks beforehand, with an Origin.
func fromBrowser(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "Sec-Fetch-") {
			return true
		}
	}
	return r.Header.Get("Origin") != "" || strings.HasPrefix(r.UserAgent(), "Mozilla/")
}

// followsLink returns the token of a link that somebody follows: no HEAD, and nothing that
// a browser loads because somebody might.
func followsLink(r *http.Request) (token string, ok bool) {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if r.Header.Get(name) != "" {
			return "", false
		}
	}
	query := r.URL.Query()
	return query.Get("token"), r.Method == http.MethodGet && r.URL.Path == "/" && query.Has("token")
}

// use tells whether a token is the one that is good, and makes another one if it was.
func (d *door) use(token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !same(token, d.token) {
		return false
	}
	d.token = rand.Text()
	return true
}

func (d *door) knows(r *http.Request) bool {
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if same(c.Value, d.session) {
			return true
		}
	}
	return false
}

// same takes as long whatever the strings have in common.
func same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// cookieName has the port that the browser sees, because cookies are not told apart by
// ports: two tunnels may end at one name.
func cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "crdwatch"
	}
	return "crdwatch_" + port
}

// welcome gives the cookie, and sends the browser to where there is no token in the
// address. That is relative, for the sake of a proxy that puts something before it.
func (d *door) welcome(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: d.session, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	w.Header().Set("Location", "./")
	writeBody(w, r, http.StatusSeeOther, mediaHTML, []byte(welcomeHTML))
}

// refuseStranger answers with a page where people read it. Following a link of its own, it
// has the browser send the cookie, which it does not when it comes from another site.
func refuseStranger(w http.ResponseWriter, r *http.Request, message string) {
	w.Header().Set("WWW-Authenticate", "Cookie cookie-name="+strconv.Quote(cookieName(r)))
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		writeError(w, r, failure(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, message))
		return
	}
	writeBody(w, r, http.StatusUnauthorized, mediaHTML, []byte(strings.ReplaceAll(strangerHTML, "{{message}}", message)))
}
