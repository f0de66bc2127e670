package rules

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// node is a value within an object, with the way down to it. Path and schema are worked
// out only when somebody asks: most values of an object are of no interest.
type node struct {
	parent *node
	// field is the name of a map's entry, index the position of a list's item.
	field string
	index int
	value any
	// root is the schema of the object, at the node that stands for all of it.
	root *schema.Structural
}

// rootNode is the object as a whole. Without a structural schema the nodes have none.
func rootNode(in *audit.Input) *node {
	n := &node{value: in.Object.Object}
	if v := versionOf(in); v != nil {
		n.root, _ = v.Structural() // CRD003 tells of a schema that is not structural
	}
	return n
}

// specNode is the spec of the object; its value is nil without one.
func specNode(in *audit.Input) *node {
	return &node{parent: rootNode(in), field: "spec", value: in.Object.Object["spec"]}
}

// walk calls visit with the node and all below it. It does not go into what visit
// returns false for. The nodes are used again: visit keeps none.
func (n *node) walk(visit func(*node) (deeper bool)) {
	if !visit(n) {
		return
	}
	child := node{parent: n}
	switch v := n.value.(type) {
	case map[string]any:
		for child.field, child.value = range v {
			child.walk(visit)
		}
	case []any:
		for child.index, child.value = range v {
			child.walk(visit)
		}
	}
}

// name is that of the field, or of the list that it is an item of.
func (n *node) name() string {
	for n.field == "" && n.parent != nil {
		n = n.parent
	}
	return n.field
}

// beside is the map that the field stands in; nil for an item of a list.
func (n *node) beside() map[string]any {
	if n.field == "" || n.parent == nil {
		return nil
	}
	m, _ := n.parent.value.(map[string]any)
	return m
}

// path is how managedFields would write the way to the node.
func (n *node) path() string {
	var steps []string
	for ; n.parent != nil; n = n.parent {
		if n.field != "" {
			steps = append(steps, "."+n.field)
		} else {
			steps = append(steps, "["+strconv.Itoa(n.index)+"]")
		}
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// schema is what the schema says of the node; nil if it says nothing.
func (n *node) schema() *schema.Structural {
	if n.parent == nil {
		return n.root
	}
	above := n.parent.schema()
	switch {
	case above == nil:
		return nil
	case n.field == "":
		return above.Items
	}
	if p, ok := above.Properties[n.field]; ok {
		return &p
	}
	if above.AdditionalProperties != nil {
		return above.AdditionalProperties.Structural
	}
	return nil
}

// declares reports whether the schema itself names the fields: what stands where
// anything may stand is not known to mean what its names suggest.
func (n *node) declares(fields ...string) bool {
	s := n.schema()
	return s != nil && !slices.ContainsFunc(fields, func(f string) bool {
		_, ok := s.Properties[f]
		return !ok
	})
}

// depth is the number of steps from the root.
func (n *node) depth() int {
	d := 0
	for ; n.parent != nil; n = n.parent {
		d++
	}
	return d
}
