package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// doubts are why a rule cannot tell.
type doubts struct {
	// forbidden are types: what may not be read of one object may not be read of the next.
	forbidden []string
	// others are whole clauses.
	others []string
}

// add notes why a question has no answer. The answer's own words name what was asked for.
// But where that may not be read they are the API server's, too, which name it once more.
func (d *doubts) add(q audit.Question, a audit.Answer) {
	if a.Forbidden {
		d.forbidden = append(d.forbidden, typeName(q))
		return
	}
	d.others = append(d.others, a.Message)
}

// err is what is not known, and why; nil without doubts.
func (d *doubts) err(what string) error {
	var why []string
	if len(d.forbidden) > 0 {
		why = append(why, some(distinct(d.forbidden))+" may not be read")
	}
	if len(d.others) > 0 {
		why = append(why, some(distinct(d.others)))
	}
	if len(why) == 0 {
		return nil
	}
	return fmt.Errorf("%s is not known: %s", what, strings.Join(why, "; "))
}

// distinct sorts words, each once.
func distinct(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

// typeName names the type of a question.
func typeName(q audit.Question) string {
	name := cmp.Or(q.Kind, q.Resource)
	if gv := groupVersion(q); gv != "" {
		return fmt.Sprintf("%s (%s)", name, gv)
	}
	return name
}

// groupVersion is the apiVersion that a question speaks of, or the group alone.
func groupVersion(q audit.Question) string {
	if q.Version == "" {
		return q.Group
	}
	return schema.GroupVersion{Group: q.Group, Version: q.Version}.String()
}
