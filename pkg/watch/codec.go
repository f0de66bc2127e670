package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// dictionarySize is how far DEFLATE can look back, and sampleSize how much of one
	// object goes into a dictionary.
	dictionarySize = 32 << 10
	sampleSize     = dictionarySize / len(sampleAt)
	// bestLevel costs an ordinary object a tenth of a millisecond more than fastLevel,
	// once, and takes a tenth less as long as it lives. For a large one that is too
	// slow, as CRDs are, of which there are thousands.
	bestLevel, fastLevel = flate.BestCompression, 5
	largeText            = 20 << 10
)

// sampleAt says after how many objects a dictionary gets another sample. A resource of
// few objects has none: it would take more than it saves.
var sampleAt = [...]int{8, 32}

// codec compresses the objects of one resource with DEFLATE (RFC 1951) and a
// dictionary of some of them: objects of one type are very much alike. A Record keeps
// the codec that it was made with, so that a resource may change to another one at any
// time.
type codec struct {
	dictionary []byte
	// thin: the objects are only their metadata. The dictionary says so.
	thin bool
}

func newCodec(dictionary []byte) *codec {
	return &codec{dictionary: dictionary, thin: bytes.HasPrefix(dictionary, []byte(MetadataOnlyMark))}
}

// codecs chooses the codec for each object of a resource. It is safe for concurrent use.
type codecs struct {
	// first is the dictionary to begin with.
	first string

	mu      sync.Mutex
	current *codec
	objects int
}

// resume goes on with the codec that most of some objects were compressed with.
func (c *codecs) resume(with *codec, objects int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.objects = with, objects
}

// next returns the codec for an object, given as JSON, which may become a sample.
func (c *codecs) next(text []byte) *codec {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		c.current = newCodec([]byte(c.first))
	}
	use := c.current
	c.objects++
	if slices.Contains(sampleAt[:], c.objects) {
		c.current = use.with(text)
	}
	return use
}

// with returns a codec with one more sample, which goes last: the nearest is the
// cheapest to refer to. Both share their memory, since Records of both will remain.
// It must be called once only.
func (c *codec) with(sample []byte) *codec {
	sample = sample[:min(len(sample), sampleSize)]
	d := c.dictionary
	if len(d) == 0 {
		d = make([]byte, 0, len(sampleAt)*len(sample))
	}
	return &codec{dictionary: append(d, sample...), thin: c.thin}
}

// scratch are the buffers of one compression or decompression. An encoder takes more
// than a megabyte, so all resources share the few that are in use at once.
type scratch struct {
	out        bytes.Buffer
	best, fast *flate.Writer
	decoder    io.ReadCloser
}

// scratches is shared by all codecs: it holds only memory, no state.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// encode returns a prefix, followed by the compressed text.
func (c *codec) encode(prefix string, text []byte) string {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.out.Reset()
	s.out.WriteString(prefix)
	w := s.encoder(len(text))
	// Writing to a bytes.Buffer does not fail.
	w.ResetDict(&s.out, c.dictionary)
	_, _ = w.Write(text)
	_ = w.Close()
	return s.out.String()
}

// encoder returns the encoder for a text of a size.
func (s *scratch) encoder(size int) *flate.Writer {
	w, level := &s.best, bestLevel
	if size > largeText {
		w, level = &s.fast, fastLevel
	}
	if *w == nil {
		*w, _ = flate.NewWriter(nil, level) // the levels are in range
	}
	return *w
}

// decode returns the text that was compressed. The caller owns the bytes.
func (c *codec) decode(body string) ([]byte, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.out.Reset()
	in := strings.NewReader(body)
	if s.decoder == nil {
		s.decoder = flate.NewReaderDict(in, c.dictionary)
	} else if err := s.decoder.(flate.Resetter).Reset(in, c.dictionary); err != nil {
		return nil, err
	}
	if _, err := s.out.ReadFrom(s.decoder); err != nil {
		return nil, err
	}
	return bytes.Clone(s.out.Bytes()), nil
}

// marshal never fails: what came from JSON can be JSON again. Should it not, what
// identifies the object is kept and says why the rest is missing.
func marshal(obj map[string]any) []byte {
	b, err := json.Marshal(obj)
	if err == nil {
		return b
	}
	b, _ = json.Marshal(unreadable(obj, err))
	return b
}

// unreadable is an object of which only the identity could be read.
func unreadable(obj map[string]any, err error) map[string]any {
	meta, _ := obj["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, field := range []string{"namespace", "name", "uid", "resourceVersion"} {
		if s, ok := meta[field].(string); ok {
			kept[field] = s
		}
	}
	return map[string]any{"metadata": kept, "crdwatchError": fmt.Sprint(err)}
}
