package report

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// writeTimeout is how long a client may take to accept one write.
const writeTimeout = 10 * time.Second

// maxWrite bounds what has to go through within one writeTimeout.
const maxWrite = 64 << 10

func writeJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := marshalLine(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	writeBody(w, r, http.StatusOK, mediaJSON, body)
	return nil
}

func writeBody(w http.ResponseWriter, r *http.Request, code int, media string, body []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	// What is true of a cluster now, and for this caller, is not to be kept. Nor is the
	// page, or what describes the API: the next process may be of another version.
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if r.Method == http.MethodHead {
		return
	}
	// A client that went away is nobody to report it to.
	_, _ = newDeadlineWriter(w).Write(body)
}

// deadlineWriter gives each write its own deadline. It relies on the server's
// WriteTimeout to begin every request with a fresh one.
type deadlineWriter struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func newDeadlineWriter(w http.ResponseWriter) *deadlineWriter {
	return &deadlineWriter{w: w, rc: http.NewResponseController(w)}
}

// Write cuts p into pieces, so that a slow but steady client is not cut off.
func (d *deadlineWriter) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if err := d.arm(time.Now().Add(writeTimeout)); err != nil {
			return written, err
		}
		n, err := d.w.Write(p[written:min(len(p), written+maxWrite)])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Flush sends what is buffered. Afterwards there is no deadline until the next
// write: HTTP/2 ends a stream whose deadline passes, even when it is idle.
func (d *deadlineWriter) Flush() error {
	if err := d.arm(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := d.rc.Flush(); err != nil {
		return err
	}
	return d.arm(time.Time{})
}

// arm sets the deadline where there is a connection to set it on.
func (d *deadlineWriter) arm(t time.Time) error {
	if err := d.rc.SetWriteDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
