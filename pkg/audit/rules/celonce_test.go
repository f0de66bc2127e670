package rules

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestRulesCompiledOnce: a CRD whose rules are compiled by us is refused for the same
// reasons as one that the API server's validation compiles. Each of the schemas of spec
// has something that only the latter looks at.
func TestRulesCompiledOnce(t *testing.T) {
	t.Parallel()
	const (
		text = `"type":"object","properties":{"a":{"type":"string","maxLength":10}}`
		rule = `{"rule":"self.a != 'x'"`
	)
	for name, c := range map[string]struct {
		spec    string
		refused bool
	}{
		"sound":                   {text + `,"x-kubernetes-validations":[` + rule + `,"message":"no","reason":"FieldValueForbidden","fieldPath":".a"}]`, false},
		"no rule":                 {text + `,"x-kubernetes-validations":[{"rule":" "}]`, true},
		"blank message":           {text + `,"x-kubernetes-validations":[` + rule + `,"message":" "}]`, true},
		"message of two lines":    {text + `,"x-kubernetes-validations":[` + rule + `,"message":"a\nb"}]`, true},
		"two lines, no message":   {text + `,"x-kubernetes-validations":[{"rule":"self.a != 'x'\n&& self.a != 'y'"}]`, true},
		"two lines, message":      {text + `,"x-kubernetes-validations":[{"rule":"self.a != 'x'\n&& self.a != 'y'","message":"no"}]`, false},
		"blank messageExpression": {text + `,"x-kubernetes-validations":[` + rule + `,"messageExpression":" "}]`, true},
		"messageExpression":       {text + `,"x-kubernetes-validations":[` + rule + `,"messageExpression":"self.a + '!'"}]`, false},
		"no messageExpression":    {text + `,"x-kubernetes-validations":[` + rule + `,"messageExpression":"self.b"}]`, true},
		"unknown reason":          {text + `,"x-kubernetes-validations":[` + rule + `,"reason":"Bad"}]`, true},
		"no such fieldPath":       {text + `,"x-kubernetes-validations":[` + rule + `,"fieldPath":".b"}]`, true},
		"no such field":           {text + `,"x-kubernetes-validations":[{"rule":"self.b"}]`, true},
		"no boolean":              {text + `,"x-kubernetes-validations":[{"rule":"self.a"}]`, true},
		"old self":                {text + `,"x-kubernetes-validations":[{"rule":"self == oldSelf"}]`, false},
		"old self, optional":      {text + `,"x-kubernetes-validations":[{"rule":"!oldSelf.hasValue() || self == oldSelf.value()","optionalOldSelf":true}]`, false},
		"optional, no old self":   {text + `,"x-kubernetes-validations":[` + rule + `,"optionalOldSelf":true}]`, true},
		"old self of an item": {`"type":"object","properties":{"l":{"type":"array","maxItems":5,"items":{"type":"object",
			"x-kubernetes-validations":[{"rule":"self == oldSelf"}]}}}`, true},
		"old self of a keyed item": {`"type":"object","properties":{"l":{"type":"array","maxItems":5,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
			"items":{"type":"object","required":["k"],"properties":{"k":{"type":"string","maxLength":5}},"x-kubernetes-validations":[{"rule":"self == oldSelf"}]}}}`, false},
		"default that breaks it": {`"type":"object","default":{"a":"x"},"properties":{"a":{"type":"string","maxLength":10,
			"x-kubernetes-validations":[` + rule + `}]}},"x-kubernetes-validations":[` + rule + `}]`, true},
		"default below": {`"type":"object","properties":{"a":{"type":"string","default":"x","maxLength":10}},"x-kubernetes-validations":[` + rule + `}]`, false},
		"too costly":    {`"type":"object","properties":{"l":{"type":"array","items":{"type":"string"},"x-kubernetes-validations":[{"rule":"self.all(x, self.all(y, x != y || x == y))"}]}}`, true},
		"together too costly": {`"type":"object","properties":{"l":{"type":"array","maxItems":1000,"items":{"type":"string","maxLength":10}}},"x-kubernetes-validations":[` +
			strings.TrimSuffix(strings.Repeat(`{"rule":"self.l.all(x, self.l.all(y, x != y || x.startsWith('a')))"},`, 30), ",") + `]`, true},
		"other fault": {text + `,"uniqueItems":true,"x-kubernetes-validations":[` + rule + `}]`, true},
		"in allOf":    {text + `,"allOf":[{"x-kubernetes-validations":[` + rule + `}]}]`, true},
		"metadata":    {`"type":"object"},"metadata":{"type":"object","x-kubernetes-validations":[{"rule":"true"}]`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crd := parseText(t, `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.example.com"},
"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"things","singular":"thing","kind":"Thing","listKind":"ThingList"},
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{`+c.spec+`}}}}}]}}`)
			got, want := create(crd), createWhole(crd)
			if d := gocmp.Diff(want, got, gocmp.AllowUnexported(creation{}, rejection{}), gocmp.Comparer(sameError)); d != "" {
				t.Errorf("-compiled by the API server's validation +compiled by us:\n%s", d)
			}
			if refused := len(want.rejections) > 0 || want.unknown != nil; refused != c.refused {
				t.Errorf("refused %t, want %t: %+v", refused, c.refused, want)
			}
			if !c.refused && !soundRules(crd) {
				t.Error("it is compiled twice")
			}
		})
	}
}

func sameError(a, b error) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}
