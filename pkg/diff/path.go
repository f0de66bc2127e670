package diff

import (
	"fmt"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

func section(path fieldpath.Path) string {
	if len(path) == 0 || path[0].FieldName == nil {
		return ""
	}
	return *path[0].FieldName
}

// render writes a path as an event shows it: in fieldpath's notation, but for the
// items of sets.
func render(path fieldpath.Path) string {
	var b strings.Builder
	for _, e := range path {
		b.WriteString(renderElement(e))
	}
	return b.String()
}

// renderElement writes a string in a set as ["value"], where fieldpath has
// [="value"]. Other values keep the sign: [=5] is the item 5, [5] the sixth item.
func renderElement(e fieldpath.PathElement) string {
	if e.Value != nil && (*e.Value).IsString() {
		return fmt.Sprintf("[%q]", (*e.Value).AsString())
	}
	return e.String()
}
