package report

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxBodyBytes is what is read of the body of a request, which has no meaning here.
const maxBodyBytes = 4 << 10

// secure sets what keeps browsers from doing with an answer what it was not made for.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// checkOrigin refuses what a page of another site has a browser send. Without
// authentication it also refuses any name of this host but those that every host has
// for itself: a page whose own name was made to point here is of the same origin, and
// nothing but the name gives it away (DNS rebinding).
func checkOrigin(r *http.Request, local bool) error {
	if local && !IsLoopback(hostname(r.Host)) {
		return failure(http.StatusForbidden, metav1.StatusReasonForbidden,
			"this endpoint asks nobody who they are, so it answers to the names localhost, 127.0.0.1 and [::1] only")
	}
	if foreign(r.Header.Values("Origin"), r.Host) || embedded(r.Header) {
		return failure(http.StatusForbidden, metav1.StatusReasonForbidden, "requests from pages of other sites are not answered")
	}
	return nil
}

func foreign(origins []string, host string) bool {
	if len(origins) == 0 {
		return false
	}
	u, err := url.Parse(origins[0])
	return len(origins) > 1 || err != nil || u.Host == "" || !strings.EqualFold(u.Host, host)
}

// embedded: a page of another site, or of another port of this host, which counts as the
// same site, has a browser load something as a part of itself. Browsers send no Origin
// with that, but they do send cookies and client certificates. A link that somebody
// follows is welcome.
func embedded(h http.Header) bool {
	site := h.Get("Sec-Fetch-Site")
	elsewhere := site == "cross-site" || site == "same-site"
	return elsewhere && h.Get("Sec-Fetch-Dest") != "document"
}

// hostname is a host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// IsLoopback tells whether a host, without a port, is this machine's own name for
// itself or such an address.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
