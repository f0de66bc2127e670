package audit

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// ReadConfig reads a configuration in YAML. It is strict: an error names file, line,
// field, and what is allowed there. File is only what it is called.
//
//	ignore:
//	- rule: CR004              # rule, group, resource, namespace, name: globs
//	  group: "*.example.com"
//	  reason: known, see the wiki
//	  expires: 2027-03-01      # optional: the last day on which it holds
//	severity:
//	  CR015: info
//	rules:                     # thresholds (see Threshold)
//	  CR004: {after: 30m}
func ReadConfig(r io.Reader, file string) (*Config, error) {
	c := &Config{File: file, Severity: map[string]Severity{}, severityLine: map[string]int{}}
	var doc yaml.Node
	dec := yaml.NewDecoder(r)
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return c, nil // empty
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: it has more than one YAML document; put all into the first", file)
	}
	err = fields(doc.Content[0], "", map[string]func(string, *yaml.Node) error{
		"ignore":   c.readIgnore,
		"severity": c.readSeverity,
		"rules":    c.readRules,
	})
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return c, nil
}

func (c *Config) readIgnore(at string, n *yaml.Node) error {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return fieldError(n, at, "want a list of entries")
	}
	for i, item := range n.Content {
		g := Ignore{line: item.Line}
		at := fmt.Sprintf("%s[%d]", at, i)
		if err := g.read(at, item); err != nil {
			return err
		}
		if err := g.check(at, item); err != nil {
			return err
		}
		c.Ignore = append(c.Ignore, g)
	}
	return nil
}

func (g *Ignore) read(at string, n *yaml.Node) error {
	known := map[string]func(string, *yaml.Node) error{}
	for name, into := range map[string]*string{"rule": &g.Rule, "group": &g.Group, "resource": &g.Resource, "namespace": &g.Namespace, "name": &g.Name} {
		known[name] = func(at string, n *yaml.Node) error { return glob(at, n, into) }
	}
	known["reason"] = func(at string, n *yaml.Node) error { return scalar(at, n, &g.Reason) }
	known["expires"] = g.readExpires
	return fields(n, at, known)
}

func (g *Ignore) readExpires(at string, n *yaml.Node) error {
	if err := scalar(at, n, &g.Expires); err != nil {
		return err
	}
	var err error
	if g.until, err = endOfDay(g.Expires); err != nil {
		return fieldError(n, at, "%w", err)
	}
	return nil
}

func (g *Ignore) check(at string, n *yaml.Node) error {
	if strings.TrimSpace(g.Reason) == "" {
		return fieldError(n, at+".reason", "an entry must say why it is there")
	}
	if len(g.globs()) == 0 {
		return fieldError(n, at, "this ignores everything; name a rule, group, resource, namespace or name (--skip-rules leaves rules out)")
	}
	return nil
}

func (c *Config) readSeverity(at string, n *yaml.Node) error {
	if isNull(n) {
		return nil
	}
	return pairs(n, at, func(key, value *yaml.Node) error {
		var text string
		at := at + "." + key.Value
		if err := scalar(at, value, &text); err != nil {
			return err
		}
		s, err := ParseSeverity(text)
		if err != nil {
			return fieldError(value, at, "%w", err)
		}
		c.Severity[key.Value], c.severityLine[key.Value] = s, key.Line
		return nil
	})
}

// fields reads a mapping of which all keys are known.
func fields(n *yaml.Node, at string, known map[string]func(at string, n *yaml.Node) error) error {
	if at == "" && isNull(n) {
		return nil // a file of comments only
	}
	return pairs(n, at, func(key, value *yaml.Node) error {
		name := strings.TrimPrefix(at+"."+key.Value, ".")
		read, ok := known[key.Value]
		if !ok {
			return fieldError(key, name, "there is no such field; want one of: %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		return read(name, value)
	})
}

// pairs goes through a mapping, which YAML allows to have a key twice.
func pairs(n *yaml.Node, at string, visit func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fieldError(n, at, "want fields with values")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			return fieldError(key, strings.TrimPrefix(at+"."+key.Value, "."), "this field is there twice")
		}
		seen[key.Value] = true
		if err := visit(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// scalar reads a text, or what YAML takes for a number or a date.
func scalar(at string, n *yaml.Node, into *string) error {
	if n.Kind != yaml.ScalarNode || isNull(n) || n.Value == "" {
		return fieldError(n, at, "want a text")
	}
	*into = n.Value
	return nil
}

func glob(at string, n *yaml.Node, into *string) error {
	if err := scalar(at, n, into); err != nil {
		return err
	}
	if _, err := path.Match(*into, ""); err != nil {
		return fieldError(n, at, "%q is no valid glob; a literal [ or \\ is written \\[ or \\\\", *into)
	}
	return nil
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// fieldError begins with the line: the file's name is put before it.
func fieldError(n *yaml.Node, at, format string, args ...any) error {
	if at != "" {
		at += ": "
	}
	return fmt.Errorf("%d: %s%w", n.Line, at, fmt.Errorf(format, args...))
}
