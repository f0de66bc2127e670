package audit

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	openapi "k8s.io/kube-openapi/pkg/validation/errors"
)

// Violation is one way in which an object breaks the schema of its version.
type Violation struct {
	// Path is where: .spec.parts[3].name. It is "." for the object as a whole.
	Path string
	// Message says what is wrong, in words of the schema: it holds no value of the object.
	Message string
	// Missing: something must be at Path, and nothing is.
	Missing bool
	// Reach is which writes the API server refuses while the violation lasts. It lets
	// pass what is wrong already and does not change (KEP-4008).
	Reach Reach
	// Part is the path that Reach speaks of.
	Part string

	certain   bool // the values below Path do not matter
	mixed     bool // of a choice between schemas
	malformed bool // the API server evaluates no rules on such an object
	rule      *celRule
}

// Reach says which writes of an object a violation blocks.
type Reach int

// The further, the greater. Creating the object anew fails with any of them.
const (
	// ReachNothing: every write passes that leaves the value as it is.
	ReachNothing Reach = iota
	// ReachPart: no write passes that changes anything within Part.
	ReachPart
	// ReachObject: no write passes but those of subresources.
	ReachObject
	// ReachAll: no write passes, not even one of the status.
	ReachAll
)

// root is the path of an object as a whole.
const root = "."

// within says that the value at a path blocks all changes of it.
func (o Violation) within(path string) Violation {
	o.Reach, o.Part = ReachPart, path
	if path == root {
		o.Reach = ReachObject
	}
	return o
}

// violation puts an error of the schema validator in words. None of them repeats the
// object's value, as those of the error itself do.
func violation(err error) Violation {
	var known *openapi.Validation
	if errors.As(err, &known) {
		return describeKnown(known)
	}
	if o, ok := choice(err.Error()); ok {
		return o
	}
	// The range checks of numeric formats: "Checked value must be of type integer with
	// format int32 in spec.x".
	text := err.Error()
	if i := strings.LastIndex(text, " in "); i >= 0 && strings.Contains(text, "value must be of type") {
		return Violation{Path: dotted(text[i+len(" in "):]), Message: strings.TrimPrefix(text[:i], "Checked value ")}
	}
	return Violation{Path: root, Message: "not valid", Reach: ReachObject, Part: root}
}

func describeKnown(err *openapi.Validation) Violation {
	o := Violation{Path: dotted(err.Name)}
	// What is behind the path and "in body" names limits that the schema sets.
	o.Message = strings.TrimPrefix(err.Error(), err.Name+" in "+err.In+" ")
	o.malformed = slices.Contains(malformed(), err.Code())
	switch err.Code() {
	case openapi.RequiredFailCode:
		o.Message, o.Missing = "required, but missing", true
		return o.within(parent(o.Path))
	case openapi.EnumFailCode:
		o.Message = "is none of the allowed values: " + listed(err.Values)
	case openapi.InvalidTypeCode:
		o.Message, _, _ = strings.Cut(o.Message, ": ")
		o.Message, _, _ = strings.Cut(o.Message, ", because")
		o.certain = true
	case openapi.UnallowedPropertyCode, openapi.FailedAllPatternPropsCode:
		o.Message = "has a field that is not allowed"
	case openapi.MaxItemsFailCode, openapi.TooManyPropertiesCode:
		o.certain = true
		return o.within(o.Path)
	case openapi.MinItemsFailCode, openapi.TooFewPropertiesCode, openapi.UniqueFailCode:
		return o.within(o.Path)
	}
	return o
}

// malformed are the errors because of which an object's rules are not evaluated.
func malformed() []int32 {
	return []int32{
		openapi.RequiredFailCode, openapi.EnumFailCode, openapi.TooLongFailCode,
		openapi.MaxItemsFailCode, openapi.TooManyPropertiesCode, openapi.InvalidTypeCode,
	}
}

// maxListed is how many allowed values a message lists.
const maxListed = 8

func listed(values []any) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == maxListed {
			fmt.Fprintf(&b, "and %d more", len(values)-i)
			break
		}
		if s, ok := v.(string); ok {
			v = fmt.Sprintf("%q", s)
		}
		fmt.Fprint(&b, v)
	}
	return b.String()
}

// choiceError is how the validator speaks of anyOf, oneOf, allOf and not.
var choiceError = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)" must (?:not )?validate .*\((anyOf|oneOf|allOf|not)\)(?:\. Found (\d+) valid)?`)

func choice(text string) (Violation, bool) {
	m := choiceError.FindStringSubmatch(text)
	if m == nil {
		return Violation{}, false
	}
	message := map[string]string{
		"anyOf": "matches none of the alternatives that the schema gives (anyOf)",
		"oneOf": "matches none of the alternatives that the schema gives (oneOf)",
		"allOf": "does not match all that the schema demands (allOf)",
		"not":   "matches what the schema excludes (not)",
	}[m[2]]
	if m[3] != "" {
		message = fmt.Sprintf("matches %s of the alternatives that the schema gives, and must match exactly one (oneOf)", m[3])
	}
	o := Violation{Path: dotted(unquote(m[1])), Message: message, mixed: m[2] != "allOf"}
	return o.within(o.Path), true
}

func unquote(s string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s)
}

// itemViolation puts an error of the checks of list types in words. If the old object
// has such an error, the API server accepts any other one.
func itemViolation(err *field.Error) Violation {
	o := Violation{Path: dotted(err.Field), Message: "must be an object, like all items of a list with keys", certain: true}
	if err.Type == field.ErrorTypeDuplicate {
		o.Message, o.certain = "is in the list twice (the same value, or the same key)", false
	}
	return o
}

// embeddedViolation puts an error of the checks of embedded objects in words. They
// are made in full with every write of the object.
func embeddedViolation(err *field.Error) Violation {
	o := Violation{Path: dotted(err.Field), Message: "not valid in an embedded object", Reach: ReachObject, Part: root}
	if err.Type == field.ErrorTypeRequired {
		o.Message, o.Missing, o.malformed = "required in an embedded object, but missing", true, true
	}
	return o
}

// dotted writes a path of the API server's libraries as findings do.
func dotted(path string) string {
	if path == "" || path == "<nil>" {
		return root
	}
	if path[0] == '.' || path[0] == '[' {
		return path
	}
	return "." + path
}

// parent is the path of what holds the field at path.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		return path[:i]
	}
	return root
}
