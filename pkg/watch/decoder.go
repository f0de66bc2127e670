package watch

import (
	"bytes"
	"errors"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// rawCodec is what the watch client decodes with. An object that is to be compressed
// at once need not be made maps and slices first, which takes most of the time and
// nearly all of the garbage of a sync: it stays JSON, see sketch.
type rawCodec struct{}

// SupportedMediaTypes implements runtime.NegotiatedSerializer.
func (c rawCodec) SupportedMediaTypes() []runtime.SerializerInfo {
	return []runtime.SerializerInfo{{
		MediaType: runtime.ContentTypeJSON, MediaTypeType: "application", MediaTypeSubType: "json", EncodesAsText: true,
		Serializer: objectDecoder{},
		StreamSerializer: &runtime.StreamSerializerInfo{
			EncodesAsText: true, Serializer: eventDecoder{}, Framer: framer{},
		},
	}}
}

// EncoderForVersion implements runtime.NegotiatedSerializer.
func (rawCodec) EncoderForVersion(e runtime.Encoder, _ runtime.GroupVersioner) runtime.Encoder {
	return e
}

// DecoderToVersion implements runtime.NegotiatedSerializer.
func (rawCodec) DecoderToVersion(d runtime.Decoder, _ runtime.GroupVersioner) runtime.Decoder {
	return d
}

// decodeOnly is the other half of a runtime.Serializer: a watch sends nothing.
type decodeOnly struct{}

var errDecodeOnly = errors.New("the watch client does not encode")

// Encode implements runtime.Encoder.
func (decodeOnly) Encode(runtime.Object, io.Writer) error { return errDecodeOnly }

// Identifier implements runtime.Encoder.
func (decodeOnly) Identifier() runtime.Identifier { return "crdwatch" }

// objectDecoder decodes the object of an event, or an answer that is an error.
type objectDecoder struct{ decodeOnly }

// Decode implements runtime.Decoder.
func (objectDecoder) Decode(raw []byte, _ *schema.GroupVersionKind, _ runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	s, err := sketchOf(raw)
	if err != nil {
		return nil, nil, err
	}
	gvk := s.GroupVersionKind()
	if gvk != metav1.SchemeGroupVersion.WithKind("Status") && gvk != schema.FromAPIVersionAndKind("v1", "Status") {
		return s, &gvk, nil
	}
	status := &metav1.Status{}
	if err := json.Unmarshal(raw, status); err != nil {
		return nil, nil, err
	}
	return status, &gvk, nil
}

// eventDecoder decodes the frame around an object.
type eventDecoder struct{ decodeOnly }

// Decode implements runtime.Decoder. The event refers to the memory of the frame,
// which is good until the next one.
func (eventDecoder) Decode(frame []byte, _ *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	event, ok := into.(*metav1.WatchEvent)
	if !ok {
		return nil, nil, errors.New("decoding an event into something else")
	}
	for _, t := range []apiwatch.EventType{apiwatch.Added, apiwatch.Modified, apiwatch.Deleted, apiwatch.Bookmark} {
		if object, ok := bytes.CutPrefix(frame, []byte(`{"type":"`+string(t)+`","object":`)); ok {
			event.Type = string(t)
			event.Object.Raw = bytes.TrimSuffix(object, []byte("}"))
			return event, nil, nil
		}
	}
	return event, nil, json.Unmarshal(frame, event)
}
