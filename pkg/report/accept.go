package report

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The forms in which events are served.
const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
	mediaSSE    = "text/event-stream"
)

// mediaHTML is that of the page.
const mediaHTML = "text/html; charset=utf-8"

// negotiate returns the form that the client prefers: the highest quality counts,
// then the order. Whoever asks for something else gets JSON, which RFC 9110 allows
// (section 12.5.1) and which a browser or curl can show.
func negotiate(r *http.Request) string {
	best, bestQuality := mediaJSON, 0.0
	for accept := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, params, err := mime.ParseMediaType(accept)
		if err != nil {
			continue
		}
		media, ok := offered(media)
		if q := quality(params); ok && q > bestQuality {
			best, bestQuality = media, q
		}
	}
	return best
}

// offered returns the form that a media range stands for.
func offered(media string) (string, bool) {
	switch media {
	case mediaSSE, mediaNDJSON, mediaJSON:
		return media, true
	case "*/*", "application/*":
		return mediaJSON, true
	}
	return "", false
}

func quality(params map[string]string) float64 {
	q, err := strconv.ParseFloat(params["q"], 64)
	if err != nil {
		return 1
	}
	return q
}
