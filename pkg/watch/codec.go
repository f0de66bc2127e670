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
	// bestLevel costs an ordinary object twice as much as fastLevel, once, and takes a
	// tenth less as long as it lives. For a large one that is too slow, as CRDs are, of
	// which there are thousands; and for one that changes it is not worth it, since it
	// will change again.
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
	text       [2][]byte
	best, fast *flate.Writer
	decoder    io.ReadCloser
}

// largeScratch is the size of a text whose buffers are not kept for the next one.
const largeScratch = 1 << 20

// release lets others use s.
func (s *scratch) release() {
	if s.out.Cap() > largeScratch {
		s.out = bytes.Buffer{}
	}
	for i := range s.text {
		if cap(s.text[i]) > largeScratch {
			s.text[i] = nil
		}
	}
	scratches.Put(s)
}

// scratches is shared by all codecs: it holds only memory, no state.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// encode returns a prefix, followed by the compressed text, in which some values are
// replaced. It is smaller if it is to last.
func (c *codec) encode(prefix string, text []byte, short replacements, lasting bool) string {
	s := scratches.Get().(*scratch)
	defer s.release()
	text = s.replace(text, short, false)
	s.out.Reset()
	s.out.WriteString(prefix)
	w := s.encoder(lasting && len(text) <= largeText)
	// Writing to a bytes.Buffer does not fail.
	w.ResetDict(&s.out, c.dictionary)
	_, _ = w.Write(text)
	_ = w.Close()
	return s.out.String()
}

// replacements yields values, and what stands for them in a text.
type replacements func(yield func(value, short string) bool)

// replace returns a text with the short forms for the values, or the other way round. It
// is in a buffer of s, unless nothing was to be replaced.
func (s *scratch) replace(text []byte, with replacements, back bool) []byte {
	turn := 0
	for value, short := range with {
		if back {
			value, short = short, value
		}
		at := bytes.Index(text, []byte(value))
		if at < 0 {
			continue
		}
		into := s.text[turn][:0]
		for ; at >= 0; at = bytes.Index(text, []byte(value)) {
			into = append(append(into, text[:at]...), short...)
			text = text[at+len(value):]
		}
		s.text[turn] = append(into, text...)
		text = s.text[turn]
		turn = 1 - turn
	}
	return text
}

// encoder returns the one for the best level, or the fast one.
func (s *scratch) encoder(best bool) *flate.Writer {
	w, level := &s.fast, fastLevel
	if best {
		w, level = &s.best, bestLevel
	}
	if *w == nil {
		*w, _ = flate.NewWriter(nil, level) // the levels are in range
	}
	return *w
}

// decode hands the text that was compressed to a reader, which must not keep it.
func (c *codec) decode(body string, short replacements, read func(text []byte)) error {
	s := scratches.Get().(*scratch)
	defer s.release()
	s.out.Reset()
	in := strings.NewReader(body)
	if s.decoder == nil {
		s.decoder = flate.NewReaderDict(in, c.dictionary)
	} else if err := s.decoder.(flate.Resetter).Reset(in, c.dictionary); err != nil {
		return err
	}
	if _, err := s.out.ReadFrom(s.decoder); err != nil {
		return err
	}
	read(s.replace(s.out.Bytes(), short, true))
	return nil
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
