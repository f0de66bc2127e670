package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// BaselineSchemaVersion is the version of the form of a baseline.
const BaselineSchemaVersion = "v1"

// Baseline is what was found before, and is accepted. Findings are recognised by their
// fingerprint, so also after their object was deleted and created again.
type Baseline struct {
	known map[string]bool
}

// baselineFile is the form of a baseline: JSON, one line for each finding, so that a
// diff of two shows what came and went. Fingerprint alone is read; the rest is for
// people.
type baselineFile struct {
	SchemaVersion string          `json:"schemaVersion"`
	Findings      []baselineEntry `json:"findings"`
}

type baselineEntry struct {
	Rule        string `json:"rule"`
	Resource    string `json:"resource"`
	Object      string `json:"object"`
	Path        string `json:"path"`
	Fingerprint string `json:"fingerprint"`
}

// ReadBaseline reads what a BaselineWriter wrote. Its errors do not name the file.
func ReadBaseline(r io.Reader) (*Baseline, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var file baselineFile
	switch err := dec.Decode(&file); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("reading the baseline: the file is empty; write it anew with --write-baseline")
	case err != nil:
		return nil, fmt.Errorf("reading the baseline: %w; write it anew with --write-baseline", err)
	}
	if dec.More() {
		return nil, errors.New("reading the baseline: something comes after it; write it anew with --write-baseline")
	}
	if file.SchemaVersion != BaselineSchemaVersion {
		return nil, fmt.Errorf("reading the baseline: its schemaVersion is %q, want %q; write it anew with --write-baseline", file.SchemaVersion, BaselineSchemaVersion)
	}
	b := &Baseline{known: map[string]bool{}}
	for i, e := range file.Findings {
		if e.Fingerprint == "" {
			return nil, fmt.Errorf("reading the baseline: findings[%d] has no fingerprint; write it anew with --write-baseline", i)
		}
		b.known[e.Fingerprint] = true
	}
	return b, nil
}

// Known reports whether a single finding, not a group, is in the baseline.
func (b *Baseline) Known(f *Finding) bool {
	return b.known[f.Fingerprint]
}

// BaselineWriter collects findings for a baseline. It is not safe for concurrent use.
type BaselineWriter struct {
	entries map[string]baselineEntry
}

// NewBaselineWriter returns one without findings.
func NewBaselineWriter() *BaselineWriter {
	return &BaselineWriter{entries: map[string]baselineEntry{}}
}

// Add takes in a single finding, as Collector.Seen is told of it.
func (w *BaselineWriter) Add(f *Finding) {
	w.entries[f.Fingerprint] = baselineEntry{
		Rule: f.Rule, Resource: f.Subject.ResourceName(), Object: f.Subject.Object(),
		Path: NormalizePath(f.Path), Fingerprint: f.Fingerprint,
	}
}

// Len is how many findings were taken in.
func (w *BaselineWriter) Len() int { return len(w.entries) }

// WriteTo implements io.WriterTo. The same findings are always written the same way.
func (w *BaselineWriter) WriteTo(to io.Writer) (int64, error) {
	entries := slices.SortedFunc(maps.Values(w.entries), func(a, b baselineEntry) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	counter := &countingWriter{w: to}
	out := bufio.NewWriter(counter)
	fmt.Fprintf(out, "{\n  \"schemaVersion\": %q,\n  \"findings\": [", BaselineSchemaVersion)
	for i, e := range entries {
		line, err := compact(e)
		if err != nil {
			return counter.n, fmt.Errorf("writing the baseline: %w", err)
		}
		if i > 0 {
			fmt.Fprint(out, ",")
		}
		fmt.Fprintf(out, "\n    %s", line)
	}
	if len(entries) > 0 {
		fmt.Fprint(out, "\n  ")
	}
	fmt.Fprint(out, "]\n}\n")
	err := out.Flush() // keeps the first error of the writes before
	return counter.n, err
}

// compact is JSON without HTML's escapes: paths have < and > in them.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

type countingWriter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
