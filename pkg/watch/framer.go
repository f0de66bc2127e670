package watch

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// framer cuts a stream into JSON values.
type framer struct{}

// lineBuffer is what a watch keeps to read with; there are thousands of them.
const lineBuffer = 2 << 10

// NewFrameReader implements runtime.Framer.
func (framer) NewFrameReader(r io.ReadCloser) io.ReadCloser {
	return &frameReader{ReadCloser: r, lines: bufio.NewReaderSize(r, lineBuffer)}
}

// NewFrameWriter implements runtime.Framer.
func (framer) NewFrameWriter(w io.Writer) io.Writer { return w }

// frameReader reads one event from each line, as the API server writes them, and need not
// look into the JSON for that. Where a line is not one event, everything from there on is
// read as JSON.
type frameReader struct {
	io.ReadCloser
	lines *bufio.Reader
	// long has a line that does not fit into the buffer of lines. A watch that waits for
	// the next one has none.
	long   *bytes.Buffer
	values *jsontext.Decoder
	rest   []byte
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
		begun := io.MultiReader(bytes.NewReader(bytes.Clone(line)), f.lines)
		f.values = jsontext.NewDecoder(begun, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	}
	return f.values.ReadValue()
}

// isEvent tells whether a line is one event, without looking into it: a JSON text that is
// spread over lines has no line that begins and ends like this.
func isEvent(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"type":"`)) && bytes.HasSuffix(line, []byte(`}}`))
}

// longLines are for others to use again.
var longLines = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// line returns what comes before the next newline. With an error, it is what came
// before that.
func (f *frameReader) line() ([]byte, error) {
	f.release()
	part, err := f.lines.ReadSlice('\n')
	if err == nil {
		return part[:len(part)-1], nil
	}
	f.long = longLines.Get().(*bytes.Buffer)
	f.long.Reset()
	for {
		f.long.Write(part)
		switch {
		case err == nil:
			return f.long.Bytes()[:f.long.Len()-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return f.long.Bytes(), err
		}
		part, err = f.lines.ReadSlice('\n')
	}
}

// release lets others use the memory of the last line.
func (f *frameReader) release() {
	if f.long != nil && f.long.Cap() <= largeScratch {
		longLines.Put(f.long)
	}
	f.long = nil
}
