package audit

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Size is how many bytes json.Marshal makes of decoded JSON, without making them: each
// object that is audited is measured.
func Size(v any) int {
	const null, yes, no = 4, 4, 5
	switch v := v.(type) {
	case map[string]any:
		n := len("{}") + max(0, len(v)-1)
		for key, child := range v {
			n += sizeOfString(key) + len(":") + Size(child)
		}
		return n
	case []any:
		n := len("[]") + max(0, len(v)-1)
		for _, child := range v {
			n += Size(child)
		}
		return n
	case string:
		return sizeOfString(v)
	case bool:
		if v {
			return yes
		}
		return no
	case int64:
		var digits [20]byte
		return len(strconv.AppendInt(digits[:0], v, 10))
	case nil:
		return null
	}
	text, err := json.Marshal(v)
	if err != nil {
		return 0 // what came from JSON can be JSON again
	}
	return len(text)
}

func sizeOfString(s string) int {
	const quotes, short, long = 2, 2, 6 // \n and \u003c
	n := quotes
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			i++
			switch {
			case b == '"' || b == '\\' || b == '\n' || b == '\r' || b == '\t' || b == '\b' || b == '\f':
				n += short
			case b < ' ' || b == '<' || b == '>' || b == '&':
				n += long
			default:
				n++
			}
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		i += width
		if r == utf8.RuneError && width == 1 || r == '\u2028' || r == '\u2029' {
			n += long
			continue
		}
		n += width
	}
	return n
}
