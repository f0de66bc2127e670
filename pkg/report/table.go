package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// ResourceFormats lists the formats of PrintResources, the default first.
func ResourceFormats() []string {
	return []string{Table, Wide, JSON, YAML, Name}
}

// ResourceOptions are the settings of PrintResources.
type ResourceOptions struct {
	Palette Palette
	// Width is the number of columns of the terminal that the table is made to fit by
	// leaving out what matters least. 0 is none.
	Width int
	// Now is what AGE, that of the CRD, is counted to.
	Now time.Time
}

// PrintResources renders the inventory in one of ResourceFormats, in one call of
// w.Write.
func PrintResources(w io.Writer, format string, list ResourceList, opts ResourceOptions) error {
	render := resourceRenderer(format, opts)
	if render == nil {
		return unknownFormat(format, ResourceFormats())
	}
	out, err := render(list)
	if err != nil {
		return fmt.Errorf("rendering the inventory: %w", err)
	}
	_, err = w.Write(out)
	return err
}

func resourceRenderer(format string, opts ResourceOptions) func(ResourceList) ([]byte, error) {
	switch format {
	case Table, Wide:
		return func(l ResourceList) ([]byte, error) { return resourceTable(l, opts, format == Wide) }
	case JSON:
		return func(l ResourceList) ([]byte, error) { return marshalIndent(l) }
	case YAML:
		return func(l ResourceList) ([]byte, error) { return marshalYAML(l) }
	case Name:
		return resourceNames
	}
	return nil
}

// resourceNames writes what kubectl get, describe and delete take as arguments.
func resourceNames(list ResourceList) ([]byte, error) {
	var b bytes.Buffer
	for _, item := range list.Items {
		fmt.Fprintf(&b, "customresourcedefinition.apiextensions.k8s.io/%s\n", plain(item.Name))
	}
	return b.Bytes(), nil
}

// column is one column of the table of resources.
type column struct {
	header string
	value  func(*ResourceItem) string
}

// resourceColumns are the columns of the table; AGE is the time that the resource
// has been in its state, in kubectl's way of writing durations.
func resourceColumns(now time.Time, wide bool) []column {
	columns := []column{
		{"NAME", func(i *ResourceItem) string { return i.Name }},
		{"VERSION", func(i *ResourceItem) string { return i.Version }},
		{"KIND", func(i *ResourceItem) string { return i.Kind }},
		{"SCOPE", func(i *ResourceItem) string { return i.Scope }},
		{"OBJECTS", func(i *ResourceItem) string { return strconv.Itoa(i.Objects) }},
		{"STATE", func(i *ResourceItem) string { return string(i.State) }},
		{"AGE", func(i *ResourceItem) string { return age(now, i.Created) }},
	}
	if !wide {
		return columns
	}
	return append(columns,
		column{"SERVED", func(i *ResourceItem) string { return strings.Join(i.ServedVersions, ",") }},
		column{"STORAGE", func(i *ResourceItem) string { return i.StorageVersion }},
		column{"STORED", func(i *ResourceItem) string { return strings.Join(i.StoredVersions, ",") }},
		column{"UID", func(i *ResourceItem) string { return string(i.UID) }},
		column{"REASON", func(i *ResourceItem) string { return i.Reason }},
		column{"MESSAGE", func(i *ResourceItem) string { return i.Message }},
	)
}

func age(now, since time.Time) string {
	if since.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(since))
}

// resourceTable is empty without resources. It aligns first and colours afterwards: a tabwriter would count the
// escape sequences as characters.
func resourceTable(list ResourceList, opts ResourceOptions, wide bool) ([]byte, error) {
	if len(list.Items) == 0 {
		return nil, nil
	}
	shown := resourceColumns(opts.Now, wide)
	lines, err := align(shown, list.Items)
	var omitted []string
	for _, least := range []string{"SCOPE", "AGE", "KIND", "VERSION"} {
		if err != nil || wide || opts.Width == 0 || widest(lines) <= opts.Width {
			break
		}
		omitted = append(omitted, least)
		shown = slices.DeleteFunc(shown, func(c column) bool { return c.header == least })
		lines, err = align(shown, list.Items)
	}
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for i, line := range lines {
		if i > 0 && isBad(list.Items[i-1].State) {
			line = paint(opts.Palette.Bad, line)
		}
		b.WriteString(line + "\n")
	}
	if len(omitted) > 0 {
		b.WriteString(paint(opts.Palette.Faint, "no room for "+strings.Join(omitted, ", ")+" (see -o wide)") + "\n")
	}
	return b.Bytes(), nil
}

func widest(lines []string) int {
	most := 0
	for _, l := range lines {
		most = max(most, columns(l))
	}
	return most
}

// isBad reports whether a state keeps crdwatch from seeing what it should.
func isBad(s watch.State) bool {
	switch s {
	case watch.Pending, watch.Syncing, watch.Synced, watch.Gone:
		return false
	}
	return true
}

// align returns the header and one line for each item, with the widths and the
// padding of kubectl (k8s.io/cli-runtime/pkg/printers).
func align(columns []column, items []ResourceItem) ([]string, error) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 6, 4, 3, ' ', 0)
	writeRow(w, columns, func(c column) string { return c.header })
	for i := range items {
		writeRow(w, columns, func(c column) string { return c.value(&items[i]) })
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines, nil
}

// writeRow shows an absent value as kubectl does.
func writeRow(w io.Writer, columns []column, cell func(column) string) {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = plain(cell(c))
		if cells[i] == "" {
			cells[i] = "<none>"
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}
