package scan

import (
	"bytes"
	"encoding/json"
)

// document is one of a file.
type document struct {
	// first is the line of the file that the text begins on, line that of its content.
	first, line int
	text        []byte
}

// documents parts a file: a YAML stream at the lines "---", or JSON values that follow
// each other. Neither what YAML writes behind the dashes nor an end mark is lost on it.
func documents(text []byte) []document {
	if found, ok := jsonDocuments(text); ok {
		return found
	}
	var all []document
	current := document{first: 1}
	line := 0
	for content := range bytes.Lines(text) {
		line++
		if rest, ok := separator(content); ok {
			all = current.appendTo(all)
			current = document{first: line}
			content = rest
		}
		current.text = append(current.text, content...)
	}
	return current.appendTo(all)
}

// separator reports whether a line parts documents, and what of the new one stands on it.
func separator(line []byte) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(line, []byte("---"))
	if ok && len(bytes.TrimSpace(rest)) > 0 && rest[0] != ' ' && rest[0] != '\t' {
		return nil, false // a scalar that begins with dashes
	}
	return rest, ok
}

// appendTo appends the document to others, with the line of its first content, unless it
// has none.
func (d document) appendTo(all []document) []document {
	line := d.first
	for content := range bytes.Lines(d.text) {
		trimmed := bytes.TrimSpace(content)
		if len(trimmed) > 0 && trimmed[0] != '#' {
			return append(all, document{d.first, line, d.text})
		}
		line++
	}
	return all
}

// jsonDocuments parts a file that begins with a brace and is JSON throughout.
func jsonDocuments(text []byte) ([]document, bool) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, false
	}
	var all []document
	values := json.NewDecoder(bytes.NewReader(text))
	for values.More() {
		var value json.RawMessage
		if err := values.Decode(&value); err != nil {
			return nil, false // YAML in the style of JSON, or its error
		}
		begin := int(values.InputOffset()) - len(value)
		line := 1 + bytes.Count(text[:begin], []byte("\n"))
		all = append(all, document{line, line, value})
	}
	return all, true
}
