package lookup

import (
	"cmp"
	"fmt"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// describeType names the type of a question.
func describeType(q audit.Question) string {
	name := cmp.Or(q.Resource, q.Kind)
	switch {
	case q.Group == "" && q.Version == "":
		return name
	case q.Group == "":
		return fmt.Sprintf("%s in version %s", name, q.Version)
	case q.Version == "":
		return name + "." + q.Group
	}
	return fmt.Sprintf("%s.%s in version %s", name, q.Group, q.Version)
}

// describe names what a question asks for.
func describe(q audit.Question) string {
	text := describeType(q)
	switch {
	case q.Name != "":
		text = fmt.Sprintf("%s %q", text, q.Name)
	case q.Selector != "":
		text = fmt.Sprintf("%s with labels %s", text, q.Selector)
	}
	if q.Namespace != "" {
		text += " in namespace " + q.Namespace
	}
	return text
}
