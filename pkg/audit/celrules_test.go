package audit

import (
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// TestSelects: whether a rule may look at .auth.token below its self.
func TestSelects(t *testing.T) {
	object := func(properties map[string]schema.Structural) schema.Structural {
		return schema.Structural{Generic: schema.Generic{Type: "object"}, Properties: properties}
	}
	auth := object(map[string]schema.Structural{"token": {}, "user": {}})
	self := object(map[string]schema.Structural{"auth": auth, "size": {}, "authority": {}})
	for rule, want := range map[string]bool{
		"self.auth.token == 'x'":                    true,
		"self.auth == self.other":                   true,
		"self == oldSelf":                           true,
		"has(self.auth)":                            true,
		"[self].all(s, s.auth.token == 'x')":        true,
		"self.?auth.?token.hasValue()":              true,
		"self.size > 1 && self.auth.token != ''":    true,
		"self .auth.token == 'x'":                   true,
		"self.size > 1":                             false,
		"self.auth.user == 'x'":                     false,
		"self.authority.token == 'x'":               false,
		"oldSelf.auth.token == '' || self.size > 1": false,
		"true": false,
	} {
		r := celRule{node: &self}
		r.Rule = rule
		if got := r.reads([]string{"auth", "token"}); got != want {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
	}
}
