package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// dictionarySize is the most that StatelessDeflate looks back into a dictionary.
const dictionarySize = 8 << 10

// codec compresses the objects of one resource with DEFLATE (RFC 1951) and a
// dictionary, which is the first object seen: objects of one type are very much
// alike. A Record keeps the codec that it was made with, so that a resource may
// change to another one at any time.
//
// The encoder has no state between calls. One with state takes several hundred
// kilobytes, and there may be thousands of resources.
type codec struct {
	dictionary []byte
}

// newCodec makes a codec whose dictionary is the JSON of an object.
func newCodec(sample map[string]any) *codec {
	b := marshal(sample)
	if len(b) > dictionarySize {
		b = b[:dictionarySize]
	}
	return &codec{dictionary: bytes.Clone(b)}
}

// scratch are the buffers of one compression or decompression.
type scratch struct {
	out    bytes.Buffer
	reader io.ReadCloser
}

// scratches is shared by all codecs: it holds only memory, no state.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (c *codec) encode(obj map[string]any) string {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.out.Reset()
	// Writing to a bytes.Buffer does not fail, and nothing else here can.
	_ = flate.StatelessDeflate(&s.out, marshal(obj), true, c.dictionary)
	return s.out.String()
}

// decode returns the JSON of an object. The caller owns the bytes.
func (c *codec) decode(body string) ([]byte, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.out.Reset()
	in := strings.NewReader(body)
	if s.reader == nil {
		s.reader = flate.NewReaderDict(in, c.dictionary)
	} else if err := s.reader.(flate.Resetter).Reset(in, c.dictionary); err != nil {
		return nil, err
	}
	if _, err := s.out.ReadFrom(s.reader); err != nil {
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
	meta, _ := obj["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, field := range []string{"namespace", "name", "uid", "resourceVersion"} {
		kept[field], _ = meta[field].(string)
	}
	b, _ = json.Marshal(map[string]any{"metadata": kept, "crdwatchError": fmt.Sprint(err)})
	return b
}
