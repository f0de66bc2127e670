package watch

import (
	"bytes"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// framer cuts a stream into JSON values.
type framer struct{}

const (
	// idleBuffer is what a watch keeps to read with; there are thousands of them.
	idleBuffer = 2 << 10
	// busyBuffer is for one that has much to read. HTTP/2 says after every few reads that
	// there is room again: with small ones that costs the API server more than the data.
	busyBuffer = 64 << 10
)

// NewFrameReader implements runtime.Framer.
func (framer) NewFrameReader(r io.ReadCloser) io.ReadCloser {
	f := &frameReader{ReadCloser: r, idle: make([]byte, idleBuffer)}
	f.buffer = f.idle
	return f
}

// NewFrameWriter implements runtime.Framer.
func (framer) NewFrameWriter(w io.Writer) io.Writer { return w }

// frameReader reads one event from each line, as the API server writes them, and need not
// look into the JSON for that. Where a line is not one event, everything from there on is
// read as JSON.
type frameReader struct {
	io.ReadCloser
	// buffer has what was read and not returned from start to end. It is idle, or a larger
	// one that was borrowed.
	buffer, idle []byte
	start, end   int
	err          error // comes after what was read
	values       *jsontext.Decoder
	rest         []byte
}

// Read reads the next value, or as much of it as fits, and then says so with
// io.ErrShortBuffer: that is what k8s.io/apimachinery's streaming decoder expects.
func (f *frameReader) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		frame, err := f.next()
		if err != nil {
			return 0, err
		}
		f.rest = frame
	}
	n := copy(p, f.rest)
	if f.rest = f.rest[n:]; len(f.rest) > 0 {
		return n, io.ErrShortBuffer
	}
	return n, nil
}

// next returns a frame, which is good until the next one.
func (f *frameReader) next() ([]byte, error) {
	if f.values == nil {
		line, err := f.line()
		if err == nil && isEvent(line) {
			return line, nil
		}
		// What was read of the stream, and the newline for which JSON has no use.
		read := append(append(bytes.Clone(line), '\n'), f.buffer[f.start:f.end]...)
		begun := io.MultiReader(bytes.NewReader(read), f.ReadCloser)
		f.values = jsontext.NewDecoder(begun, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	}
	return f.values.ReadValue()
}

// isEvent tells whether a line is one event, without looking into it: a JSON text that is
// spread over lines has no line that begins and ends like this.
func isEvent(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"type":"`)) && bytes.HasSuffix(line, []byte(`}}`))
}

// line returns what comes before the next newline. With an error, it is what came
// before that.
func (f *frameReader) line() ([]byte, error) {
	searched := 0
	for {
		from := f.start + searched
		if i := bytes.IndexByte(f.buffer[from:f.end], '\n'); i >= 0 {
			line := f.buffer[f.start : from+i]
			f.start = from + i + 1
			return line, nil
		}
		if f.err != nil {
			line := f.buffer[f.start:f.end]
			f.start = f.end
			return line, f.err
		}
		searched = f.end - f.start
		f.fill()
	}
}

// busyBuffers are for others to use again.
var busyBuffers = sync.Pool{New: func() any { return new([busyBuffer]byte) }}

// fill reads more. A watch that waits for its next event does so with the idle buffer.
func (f *frameReader) fill() {
	unread := f.buffer[f.start:f.end]
	switch {
	case len(unread) == 0:
		f.use(f.idle)
	case len(f.buffer) == idleBuffer:
		f.use(busyBuffers.Get().(*[busyBuffer]byte)[:])
	case len(unread) == len(f.buffer):
		f.use(make([]byte, 2*len(f.buffer)))
	default:
		copy(f.buffer, unread)
	}
	f.start, f.end = 0, len(unread)
	n, err := f.ReadCloser.Read(f.buffer[f.end:])
	f.end, f.err = f.end+n, err
}

// use goes on with another buffer, and lets others use the last one.
func (f *frameReader) use(buffer []byte) {
	last := f.buffer
	copy(buffer, last[f.start:f.end])
	f.buffer = buffer
	if len(last) == busyBuffer {
		busyBuffers.Put((*[busyBuffer]byte)(last))
	}
}
