package rules

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// doubts are why a rule cannot tell. They are by type: what may not be read of one object
// may not be read of the next, and says the same of both.
type doubts []string

// add notes why a question has no answer.
func (d *doubts) add(q audit.Question, a audit.Answer) {
	why := ": " + a.Message
	if a.Forbidden {
		why = " may not be read"
	}
	*d = append(*d, typeName(q)+why)
}

// err is what is not known, and why; nil without doubts.
func (d doubts) err(what string) error {
	if len(d) == 0 {
		return nil
	}
	slices.Sort(d)
	return fmt.Errorf("%s is not known: %s", what, some(slices.Compact(d)))
}

// typeName names the type of a question.
func typeName(q audit.Question) string {
	if gv := groupVersion(q); gv != "" {
		return fmt.Sprintf("%s (%s)", q.Kind, gv)
	}
	return q.Kind
}

// groupVersion is the apiVersion that a question speaks of, or the group alone.
func groupVersion(q audit.Question) string {
	if q.Version == "" {
		return q.Group
	}
	return schema.GroupVersion{Group: q.Group, Version: q.Version}.String()
}
