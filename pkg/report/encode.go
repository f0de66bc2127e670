package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

// marshalLine returns v as one line of JSON, with the line break. < and > stay as
// they are, because redacted values are written in these. DEL and the C1 controls,
// which JSON allows in strings but some terminals obey, are escaped: they can only
// occur inside of strings, so that the value remains the same.
func marshalLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeControls(b.Bytes()), nil
}

// marshalIndent is marshalLine spread out as kubectl does for people.
func marshalIndent(v any) ([]byte, error) {
	line, err := marshalLine(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Indent(&b, line, "", "    ")
	return b.Bytes(), err
}

func escapeControls(data []byte) []byte {
	if bytes.IndexFunc(data, isLateControl) < 0 {
		return data
	}
	out := make([]byte, 0, len(data)+16)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if isLateControl(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, data[:size]...)
		}
		data = data[size:]
	}
	return out
}

// isLateControl is true for the controls that encoding/json lets through.
func isLateControl(r rune) bool {
	return r >= 0x7f && r <= 0x9f
}

// marshalYAML returns v as YAML, by way of its JSON form, which is the contract and
// which holds no character that the YAML parser would refuse.
func marshalYAML(v any) ([]byte, error) {
	line, err := marshalLine(v)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(line)
}
