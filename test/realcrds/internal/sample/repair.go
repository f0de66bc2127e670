package sample

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxTries bounds the questions to the API server about one value.
const maxTries = 100

// Try asks the API server what it thinks of a value.
type Try func(ctx context.Context, value any) error

// Fill makes a valid value of the schema that has most of its fields. The path is
// where the value is in its object. It returns how often the server was asked.
func Fill(ctx context.Context, s *Schema, path string, hints Hints, try Try) (v any, tries int, err error) {
	r := repairer{plan: newPlan(hints), root: s, base: path}
	for tries < maxTries {
		if v = r.plan.generate(s, path); v == nil {
			return nil, tries, errors.New("the schema has no value that could be guessed")
		}
		tries++
		if err = try(ctx, v); err == nil {
			return v, tries, nil
		}
		if !r.repair(err) {
			break
		}
	}
	return nil, tries, fmt.Errorf("no valid value after %d tries: %w", tries, err)
}

// repairer changes a plan as the server's objections suggest.
type repairer struct {
	plan *plan
	root *Schema
	base string
}

// repair reports whether anything was left to change.
func (r *repairer) repair(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonInvalid || status.Status().Details == nil {
		return false
	}
	changed := false
	var fixed []string
	for _, cause := range status.Status().Details.Causes {
		if strings.HasPrefix(cause.Message, "Invalid value: null: some validation rules were not checked") {
			continue // says nothing but that there are other causes
		}
		path := r.plan.locate(r.root, r.base, cause.Field)
		if slices.ContainsFunc(fixed, func(f string) bool { return f == path || strings.HasPrefix(path, f+".") }) {
			continue
		}
		fixed = append(fixed, path)
		changed = r.fix(path, cause) || changed
	}
	return changed
}

func (r *repairer) fix(path string, cause metav1.StatusCause) bool {
	s := r.plan.at(r.root, r.base, path)
	if s == nil {
		return r.leaveOut(path)
	}
	switch cause.Type {
	case metav1.CauseTypeFieldValueRequired:
		if !r.plan.force[path] {
			r.plan.force[path] = true
			return true
		}
	case metav1.CauseTypeFieldValueDuplicate:
		if list := parent(path); strings.HasSuffix(path, "[]") && !r.plan.single[list] {
			r.plan.single[list] = true
			return true
		}
	}
	if isAlternative(cause.Message) && r.otherBranch(path) {
		return true
	}
	if s.scalar() {
		return r.otherScalar(path, s)
	}
	return r.otherFields(path, s, cause.Message)
}

func isAlternative(message string) bool {
	return strings.Contains(message, "(oneOf)") || strings.Contains(message, "(anyOf)")
}

// otherBranch takes the next of a schema's alternatives.
func (r *repairer) otherBranch(path string) bool {
	if r.plan.branch[path]+1 >= r.plan.at(r.root, r.base, path).choices() {
		return false
	}
	r.plan.branch[path]++
	return true
}

// otherScalar takes the next candidate, after a while another one for the whole
// field, and at last leaves it out.
func (r *repairer) otherScalar(path string, s *Schema) bool {
	if _, hinted := r.plan.hints[path]; hinted {
		return r.leaveOut(path)
	}
	r.plan.turn[path]++
	if r.plan.turn[path] >= len(s.scalars()) {
		return r.leaveOut(path)
	}
	return true
}

// leaveOut drops the field, or the nearest one above that may be missing.
func (r *repairer) leaveOut(path string) bool {
	for p := path; p != r.base && p != ""; p = parent(p) {
		if strings.HasSuffix(p, "[]") {
			continue // a list without items is no better than none
		}
		above := r.plan.at(r.root, r.base, parent(p))
		if above == nil || above.requires(last(p)) || r.plan.drop[p] && !r.plan.force[p] {
			continue
		}
		r.plan.drop[p] = true
		delete(r.plan.force, p)
		return true
	}
	return false
}

// otherFields looks for the fields that make an object or list valid, where no
// single value is to blame. The rule that was violated names those that matter; the
// remedies are, in this order: one of them alone, each in turn; none; all; nothing
// that is not required; other values of those that are scalars; none of the object.
func (r *repairer) otherFields(path string, s *Schema, message string) bool {
	optional, scalars := r.mentioned(path, s, message)
	id := path + ": " + strings.Join(optional, " ")
	step := r.plan.step[id]
	r.plan.step[id]++
	n := len(optional)
	switch {
	case step < n:
		r.choose(optional, func(i int) bool { return i == step })
	case n > 0 && step == n:
		r.choose(optional, func(int) bool { return false })
	case n > 1 && step == n+1:
		r.choose(optional, func(int) bool { return true })
	case step <= n+2 && !r.plan.bare[path] && s.Type == "object":
		r.plan.bare[path] = true
	case step <= n+2 && s.Type == "array" && !r.plan.single[path]:
		r.plan.single[path] = true
	case len(scalars) > 0 && step < n+3+4*len(scalars):
		r.plan.turn[scalars[step%len(scalars)]]++
	default:
		return r.leaveOut(path)
	}
	return true
}

func (r *repairer) choose(paths []string, in func(i int) bool) {
	for i, p := range paths {
		r.plan.drop[p] = !in(i)
		r.plan.force[p] = in(i)
	}
}

// mentioned returns the optional fields, and the scalar ones, that the violated rules
// of a schema name.
func (r *repairer) mentioned(path string, s *Schema, message string) (optional, scalars []string) {
	words := regexp.MustCompile(`[.'"\s(]([A-Za-z]\w*(?:\.\w+)*)`)
	for _, text := range violated(s, message) {
		for _, m := range words.FindAllStringSubmatch(" "+text, -1) {
			names := strings.Split(strings.TrimPrefix(m[1], "self."), ".")
			p, field := r.follow(path, s, names)
			if p == path || slices.Contains(optional, p) || slices.Contains(scalars, p) {
				continue
			}
			if above := r.plan.at(r.root, r.base, parent(p)); above != nil && !above.requires(last(p)) {
				optional = append(optional, p)
			}
			if field.scalar() {
				scalars = append(scalars, p)
			}
		}
	}
	return optional, scalars
}

// follow goes down the names as far as they are fields. The items of a list count as
// the list.
func (r *repairer) follow(path string, s *Schema, names []string) (string, *Schema) {
	for _, name := range names {
		in, at := s, path
		for in != nil && in.Type == "array" {
			in, at = in.Items, at+"[]"
		}
		if in == nil {
			break
		}
		in = r.plan.of(in, at)
		child, ok := in.Properties[name]
		if !ok {
			break
		}
		s, path = r.plan.of(child, join(at, name)), join(at, name)
	}
	return path, s
}

// violated returns the rules that a message speaks of, and the message; all rules, if
// it cannot be told.
func violated(s *Schema, message string) []string {
	var out, all []string
	for _, v := range s.Validations {
		all = append(all, v.Rule)
		if v.Message != "" && strings.Contains(message, v.Message) || strings.Contains(message, v.Rule) {
			out = append(out, v.Rule)
		}
	}
	if len(out) == 0 {
		out = all
	}
	return append(out, message)
}
