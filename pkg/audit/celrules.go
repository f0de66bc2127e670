package audit

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// celBudget is what the rules of one object may cost. The API server allows ten times
// that, which takes it about a second.
const celBudget = celconfig.RuntimeCELCostBudget / 10

// celRule is one of x-kubernetes-validations.
type celRule struct {
	apiextensionsv1.ValidationRule
	// node is the schema of self.
	node *schema.Structural
}

// celRules are all rules of a schema.
type celRules struct {
	validator *cel.Validator
	rules     []celRule
}

// newCELRules compiles the rules of a schema; nil if it has none. Each rule's message
// is replaced with a label by which an error names the rule: messages of their own
// can be anything, and messageExpression repeats values.
func newCELRules(s *schema.Structural) *celRules {
	c := &celRules{}
	labelled := s.DeepCopy()
	visitor := schema.Visitor{
		Structural: func(node *schema.Structural) bool {
			for i := range node.XValidations {
				c.label(&node.XValidations[i], node)
			}
			c.labelNested(node)
			return len(node.XValidations) > 0
		},
	}
	visitor.Visit(labelled)
	if len(c.rules) == 0 {
		return nil
	}
	c.validator = cel.NewValidator(labelled, true, celconfig.PerCallLimit)
	return c
}

// labelNested labels the rules in allOf, the only place for them off the spine.
func (c *celRules) labelNested(node *schema.Structural) {
	if node.ValueValidation == nil {
		return
	}
	for i := range node.ValueValidation.AllOf {
		c.labelValidation(&node.ValueValidation.AllOf[i], node)
	}
}

func (c *celRules) labelValidation(n *schema.NestedValueValidation, node *schema.Structural) {
	for i := range n.XValidations {
		c.label(&n.XValidations[i], node)
	}
	for i := range n.AllOf {
		c.labelValidation(&n.AllOf[i], node)
	}
	for name, property := range n.Properties {
		sub := node.Properties[name]
		c.labelValidation(&property, &sub)
		n.Properties[name] = property
	}
	if n.Items != nil {
		c.labelValidation(n.Items, node.Items)
	}
	if n.AdditionalProperties != nil && node.AdditionalProperties != nil {
		c.labelValidation(n.AdditionalProperties, node.AdditionalProperties.Structural)
	}
}

func (c *celRules) label(r *apiextensionsv1.ValidationRule, node *schema.Structural) {
	c.rules = append(c.rules, celRule{ValidationRule: *r, node: node})
	r.Message = fmt.Sprintf("rule#%d", len(c.rules)-1)
	r.MessageExpression, r.Reason, r.FieldPath = "", nil, ""
}

// celType is a name that the library makes up, another one each time.
var celType = regexp.MustCompile(`selfType\d+`)

var celLabel = regexp.MustCompile(`rule#(\d+)$`)

// validate returns what the rules find, and an error if some could not be evaluated.
func (c *celRules) validate(content map[string]any) ([]Violation, error) {
	errs, _ := c.validator.Validate(context.Background(), nil, nil, content, nil, celBudget)
	var violations []Violation
	var unknown []string
	for _, err := range errs {
		m := celLabel.FindStringSubmatch(err.Detail)
		if m == nil {
			unknown = append(unknown, describeUnknown(err))
			continue
		}
		i, _ := strconv.Atoi(m[1])
		violations = append(violations, c.rules[i].violation(err))
	}
	if len(unknown) == 0 {
		return violations, nil
	}
	slices.Sort(unknown)
	return violations, fmt.Errorf("evaluating validation rules: %s", strings.Join(slices.Compact(unknown), "; "))
}

// describeUnknown says why a rule was not evaluated.
func describeUnknown(err *field.Error) string {
	if strings.Contains(err.Detail, "out of cost budget") {
		return fmt.Sprintf("they cost more than %d, a tenth of what the API server allows", celBudget)
	}
	detail, _, _ := strings.Cut(err.Detail, "\n")
	detail = celType.ReplaceAllString(detail, "self")
	return NormalizePath(dotted(err.Field)) + ": " + detail
}

// violation says what a rule found, by its message if that is a constant.
func (r *celRule) violation(err *field.Error) Violation {
	node := dotted(err.Field)
	o := Violation{Path: node, Part: node, rule: r, Message: fmt.Sprintf("breaks the rule %q", strings.Join(strings.Fields(r.Rule), " "))}
	if r.Message != "" {
		o.Message = "breaks a rule: " + strings.Join(strings.Fields(r.Message), " ")
	}
	if err.Detail[:celLabel.FindStringIndex(err.Detail)[0]] != "" {
		o.Message = fmt.Sprintf("the rule %q cannot be evaluated on it, which counts as broken", strings.Join(strings.Fields(r.Rule), " "))
	}
	if r.FieldPath != "" {
		o.Path = strings.TrimSuffix(node, root) + dotted(r.FieldPath)
	}
	if r.node.Type != "object" && r.node.Type != "array" {
		return o
	}
	o = o.within(node)
	if o.Reach == ReachObject {
		o.Reach = ReachAll // those of the root are evaluated with writes of the status, too
	}
	return o
}

// reads reports whether the rule may look at the value at a path below its self. It
// does not if it selects other fields only.
func (r *celRule) reads(below []string) bool {
	return selects(r.Rule, "self", r.node, below)
}

// selects reports whether an expression may look at what is below a value that it
// calls name: because it selects the field on the way there, or uses the value as a
// whole. Fields of an object cannot be reached otherwise.
func selects(expression, name string, s *schema.Structural, below []string) bool {
	if len(below) == 0 || s == nil {
		return true
	}
	sub, declared := s.Properties[below[0]]
	if escaped, ok := apiservercel.Escape(below[0]); !declared || !ok || escaped != below[0] {
		return true
	}
	found := false
	for at := 0; ; {
		i := strings.Index(expression[at:], name)
		if i < 0 {
			break
		}
		start := at + i
		at = start + len(name)
		if start > 0 && (identifier(expression[start-1]) || expression[start-1] == '.') {
			continue
		}
		field, whole := selected(expression[at:])
		if whole {
			return true
		}
		found = found || field == below[0]
	}
	return found && selects(expression, name+"."+below[0], &sub, below[1:])
}

// selected returns the field that an expression goes on to select of a value, or that
// it does not: the value is used as a whole.
func selected(after string) (field string, whole bool) {
	if after != "" && identifier(after[0]) {
		return "", false // another, longer name
	}
	name, ok := strings.CutPrefix(after, ".")
	if !ok || name == "" || !identifier(name[0]) {
		return "", true
	}
	end := strings.IndexFunc(name, func(r rune) bool { return r > 127 || !identifier(byte(r)) })
	if end < 0 {
		end = len(name)
	}
	return name[:end], false
}

func identifier(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
