package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Printer renders one event at a time. Each call of Print makes one call of
// w.Write. A Printer keeps no state and may be used concurrently.
type Printer interface {
	Print(w io.Writer, ev *watch.Event) error
}

// The output formats of events and of the inventory.
const (
	Text  = "text"
	Wide  = "wide"
	JSONL = "jsonl"
	YAML  = "yaml"
	Table = "table"
	JSON  = "json"
	Name  = "name"
)

// EventFormats lists the formats of NewPrinter, the default first.
func EventFormats() []string {
	return []string{Text, Wide, JSONL, YAML}
}

// NewPrinter returns the Printer of events for one of EventFormats. The options
// concern the formats made for people.
func NewPrinter(format string, opts TextOptions) (Printer, error) {
	switch format {
	case Text, Wide:
		return newTextPrinter(opts, format == Wide), nil
	case JSONL:
		return printerFunc(printJSONL), nil
	case YAML:
		return printerFunc(printYAML), nil
	}
	return nil, unknownFormat(format, EventFormats())
}

func unknownFormat(format string, known []string) error {
	return fmt.Errorf("unknown output format %q, want one of: %s", format, strings.Join(slices.Sorted(slices.Values(known)), ", "))
}

type printerFunc func(io.Writer, *watch.Event) error

func (f printerFunc) Print(w io.Writer, ev *watch.Event) error {
	return f(w, ev)
}

func printJSONL(w io.Writer, ev *watch.Event) error {
	line, err := marshalLine(ev)
	if err != nil {
		return fmt.Errorf("encoding event %s: %w", ev.ID, err)
	}
	_, err = w.Write(line)
	return err
}

func printYAML(w io.Writer, ev *watch.Event) error {
	doc, err := marshalYAML(ev)
	if err != nil {
		return fmt.Errorf("encoding event %s: %w", ev.ID, err)
	}
	_, err = w.Write(append([]byte("---\n"), doc...))
	return err
}
