package diff

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/google/go-cmp/cmp"
)

// The masks of a few values.
const (
	maskOfOne = "<redacted sha256:7692c3ad>" // one
	maskOfTwo = "<redacted sha256:3fc4ccfe>" // two
)

const passwordsSchema = `{"type":"object","properties":{"spec":{"type":"object","properties":{
  "a":{"type":"string","format":"password"},
  "pin":{"type":"integer","format":"password"},
  "list":{"type":"array","items":{"type":"string","format":"password"}},
  "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string","format":"password"}},
  "map":{"type":"object","additionalProperties":{"type":"string","format":"password"}},
  "deep":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string","format":"password"},"c":{"type":"string"}}}},
  "keyed":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["b"],
    "items":{"type":"object","properties":{"b":{"type":"string","format":"password"},"c":{"type":"string"}}}},
  "either":{"type":"object","x-kubernetes-preserve-unknown-fields":true,
    "anyOf":[{"properties":{"d":{"format":"password"}}},{"properties":{"e":{"type":"string"}}}]}}}}}`

func TestRedact(t *testing.T) {
	tests := map[string]struct{ obj, want string }{
		"format password, wherever it is declared": {
			obj:  `{"spec":{"a":"one","list":["one","two"],"map":{"x":"one"},"deep":[{"b":"one","c":"one"}],"either":{"d":"one","e":"one"}}}`,
			want: `{"spec":{"a":"ONE","list":["ONE","TWO"],"map":{"x":"ONE"},"deep":[{"b":"ONE","c":"one"}],"either":{"d":"ONE","e":"one"}}}`,
		},
		"format password, but no string": {
			obj:  `{"spec":{"pin":1234,"a":["one",1],"list":[1,true,{"x":"one"},null,["one"]],"map":{"x":true,"y":null,"z":null,"m":{"x":"one"}}}}`,
			want: `{"spec":{"a":["ONE"],"list":[null,["ONE"]],"map":{"y":null,"z":null}}}`,
		},
		"by name": {
			obj:  `{"spec":{"password":"one","passwordSecretRef":{"name":"one","key":"one"},"x":{"apiKey":"two","name":"two"}},"token":"one"}`,
			want: `{"spec":{"password":"ONE","passwordSecretRef":{"name":"one","key":"one"},"x":{"apiKey":"TWO","name":"two"}},"token":"ONE"}`,
		},
		"by name, in lists": {
			obj:  `{"spec":{"tokens":["one",["two"],{"id":"one","token":"two"}],"secrets":["one"]}}`,
			want: `{"spec":{"tokens":["ONE",["TWO"],{"id":"one","token":"TWO"}],"secrets":["one"]}}`,
		},
		"by name, but no string": {
			obj:  `{"spec":{"password":1234,"passwords":3,"tokens":100,"tokenTTL":60,"token":true,"secret":null,"credentials":{"user":"one"}}}`,
			want: `{"spec":{"passwords":3,"tokens":100,"tokenTTL":60,"token":true,"secret":null,"credentials":{"user":"one"}}}`,
		},
		"pairs of name and value": {
			obj:  `{"spec":{"env":[{"name":"DB_PASSWORD","value":"one"},{"name":"PORT","value":"two"},{"key":"token","value":"one"},{"name":"password","default":"one"},{"name":"api-key","value":["one"]},{"value":"one"},{"name":"TOKEN_FILE","value":"two"}]}}`,
			want: `{"spec":{"env":[{"name":"DB_PASSWORD","value":"ONE"},{"name":"PORT","value":"two"},{"key":"token","value":"ONE"},{"name":"password","default":"ONE"},{"name":"api-key","value":["ONE"]},{"value":"one"},{"name":"TOKEN_FILE","value":"two"}]}}`,
		},
		"placeholders stay": {
			obj:  `{"spec":{"password":"${DB_PASSWORD}","token":"$(TOKEN)","clientSecret":"{{ .secret | b64dec }}","credentials":"{{ .user }}:{{ .password }}","apiKey":"${env:KEY}","env":[{"name":"TOKEN","value":"{{inputs.parameters.token}}"}]}}`,
			want: `{"spec":{"password":"${DB_PASSWORD}","token":"$(TOKEN)","clientSecret":"{{ .secret | b64dec }}","credentials":"{{ .user }}:{{ .password }}","apiKey":"${env:KEY}","env":[{"name":"TOKEN","value":"{{inputs.parameters.token}}"}]}}`,
		},
		"a secretKey is half of a pair, or selects from a Secret": {
			obj:  `{"spec":{"s3":{"accessKey":"one","secretKey":"two","name":"x"},"data":[{"secretKey":"one","remoteRef":{"key":"x"}}],"c":{"secretName":"x","secretKey":"one"},"b":{"secretKey":"two"}}}`,
			want: `{"spec":{"s3":{"accessKey":"ONE","secretKey":"TWO","name":"x"},"data":[{"secretKey":"one","remoteRef":{"key":"x"}}],"c":{"secretName":"x","secretKey":"one"},"b":{"secretKey":"TWO"}}}`,
		},
		"embedded Secrets": {
			obj:  `{"spec":{"manifest":{"apiVersion":"v1","kind":"Secret","data":{"a":"one","b":1},"stringData":{"x":"two"}},"other":{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"one"}}}}`,
			want: `{"spec":{"manifest":{"apiVersion":"v1","kind":"Secret","data":{"a":"ONE"},"stringData":{"x":"TWO"}},"other":{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"one"}}}}`,
		},
		"annotations that repeat the object": {
			obj:  `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"one","banzaicloud.com/last-applied":"one","kopf.zalando.org/last-handled-configuration":"two","objectset.rio.cattle.io/applied":"one","kapp.k14s.io/original":"two","note":"one"}},"spec":{"template":{"metadata":{"annotations":{"x/last-applied":"one"}}}}}`,
			want: `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"ONE","banzaicloud.com/last-applied":"ONE","kopf.zalando.org/last-handled-configuration":"TWO","objectset.rio.cattle.io/applied":"ONE","kapp.k14s.io/original":"TWO","note":"one"}},"spec":{"template":{"metadata":{"annotations":{"x/last-applied":"ONE"}}}}}`,
		},
		"nothing to hide": {
			obj:  `{"spec":{"password":"","token":"ONE","list":["","TWO"]}}`,
			want: `{"spec":{"password":"","token":"ONE","list":["","TWO"]}}`,
		},
		"what is not quite a mask": {
			obj:  `{"spec":{"a":"<redacted sha256:7692C3AD>","map":{"x":"<redacted sha256:7692c3ad>one","y":"<redacted sha256:>"}}}`,
			want: `{"spec":{"a":"<redacted sha256:de9fc3cf>","map":{"x":"<redacted sha256:dc8a3937>","y":"<redacted sha256:b93154ce>"}}}`,
		},
		"managedFields: items of sets": {
			obj:  managed(`{"f:spec":{"f:set":{".":{},"v:\"one\"":{},"v:1":{}},"f:tokens":{"v:\"two\"":{},"v:1":{}},"f:names":{"v:\"one\"":{}}}}`),
			want: managed(`{"f:spec":{"f:set":{".":{},"v:\"ONE\"":{}},"f:tokens":{"v:\"TWO\"":{},"v:1":{}},"f:names":{"v:\"one\"":{}}}}`),
		},
		"managedFields: keys of lists": {
			obj:  managed(`{"f:spec":{"f:keyed":{"k:{\"b\":\"one\"}":{".":{},"f:b":{}}},"f:users":{"k:{\"id\":7,\"password\":\"two\"}":{"f:tokens":{"v:\"one\"":{}}},"k:{\"name\":\"one\"}":{"f:name":{}}}}}`),
			want: managed(`{"f:spec":{"f:keyed":{"k:{\"b\":\"ONE\"}":{".":{},"f:b":{}}},"f:users":{"k:{\"id\":7,\"password\":\"TWO\"}":{"f:tokens":{"v:\"ONE\"":{}}},"k:{\"name\":\"one\"}":{"f:name":{}}}}}`),
		},
		"managedFields: pairs of name and value": {
			obj:  managed(`{"f:spec":{"f:env":{"k:{\"name\":\"password\",\"value\":\"one\"}":{"f:value":{}},"k:{\"name\":\"token\"}":{"f:value":{"v:\"two\"":{}},"f:x":{"f:value":{"v:\"one\"":{}}}}}}}`),
			want: managed(`{"f:spec":{"f:env":{"k:{\"name\":\"password\",\"value\":\"ONE\"}":{"f:value":{}},"k:{\"name\":\"token\"}":{"f:value":{"v:\"TWO\"":{}},"f:x":{"f:value":{"v:\"one\"":{}}}}}}}`),
		},
		"managedFields: what cannot be read is dropped": {
			obj:  managed(`{"f:spec":{"f:tokens":{"v:\"two":{}},"f:keyed":{"k:{\"b\":\"one\"":{}},"f:password":"one"}}`),
			want: managed(`{"f:spec":{"f:tokens":{},"f:keyed":{}}}`),
		},
		"managedFields: of an embedded object, and what only looks like them": {
			obj:  `{"spec":{"template":{"metadata":{"managedFields":[{"fieldsV1":{"f:tokens":{"v:\"one\"":{}}}},"one"]}},"managedFields":[{"password":"two"}]},"metadata":{"managedFields":[{"token":"one"}]}}`,
			want: `{"spec":{"template":{"metadata":{"managedFields":[{"fieldsV1":{"f:tokens":{"v:\"ONE\"":{}}}},"one"]}},"managedFields":[{"password":"TWO"}]},"metadata":{"managedFields":[{"token":"ONE"}]}}`,
		},
	}
	schema := newSchema(t, passwordsSchema)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := parse(t, withMasks(test.obj)), parse(t, withMasks(test.want))
			schema.Redact(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			again := runtime.DeepCopyJSON(got)
			schema.Redact(again)
			if d := cmp.Diff(got, again); d != "" {
				t.Errorf("redacting twice: %s", d)
			}
		})
	}
}

// withMasks writes the masks of one and two for ONE and TWO. Within the path elements
// of managedFields, which are JSON in JSON, < and > are escaped.
func withMasks(text string) string {
	escape := strings.NewReplacer("<", `\\u003c`, ">", `\\u003e`).Replace
	return strings.NewReplacer(
		`\"ONE\"`, `\"`+escape(maskOfOne)+`\"`, `\"TWO\"`, `\"`+escape(maskOfTwo)+`\"`,
		"ONE", maskOfOne, "TWO", maskOfTwo,
	).Replace(text)
}

func managed(fields string) string {
	return `{"metadata":{"managedFields":[{"manager":"m","operation":"Update","fieldsType":"FieldsV1","fieldsV1":` + fields + `}]}}`
}

// TestMaskHidesWhatOnlyBeginsLikeAPlaceholder: a default, a quoted text, or anything
// beside the placeholder may be the secret.
func TestMaskHidesWhatOnlyBeginsLikeAPlaceholder(t *testing.T) {
	for _, s := range []string{
		"${PASSWORD:-hunter2}", `{{ default "hunter2" .password }}`, "{{ `hunter2` }}", "hunter2${X}", "${X}hunter2", "$hunter2",
		"${1hunter2}", "{hunter2}", "$(echo hunter2)", "{{}}", "{{ .a }} hunter2 {{ .b }}", "::{", "${X",
	} {
		if got := Mask(s); !IsMask(got) {
			t.Errorf("%s stays", s)
		}
	}
}

// A property named like a secret is not one, nor is its default.
func TestRedactForCRD(t *testing.T) {
	const versions = `[{"name":"v1","schema":{"openAPIV3Schema":{"properties":{"password":{"type":"string"}},"default":{"token":"one"}}}}]`
	got := parse(t, `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"one"}},"spec":{"versions":`+versions+`,"token":"one"}}`)
	want := parse(t, withMasks(`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"ONE"}},"spec":{"versions":`+versions+`,"token":"ONE"}}`))
	ForCRD().Redact(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A schema that cannot be converted still says what a password is.
func TestRedactWithoutTypes(t *testing.T) {
	s, err := NewSchema([]byte(`{"type":"object","properties":{"a":{"type":"string","format":"password"},"b":{"type":"tuple"}}}`))
	if err == nil {
		t.Fatal("converted")
	}
	got := parse(t, `{"a":"one"}`)
	s.Redact(got)
	if got["a"] != maskOfOne {
		t.Error(got)
	}
}

func TestRedactsMore(t *testing.T) {
	tests := map[string]struct {
		new, old *Schema
		want     bool
	}{
		"the same":            {newSchema(t, passwordsSchema), newSchema(t, passwordsSchema), false},
		"no passwords":        {newSchema(t, kindsSchema), Deduced(), false},
		"nothing before":      {Deduced(), nil, true},
		"passwords are new":   {newSchema(t, passwordsSchema), Deduced(), true},
		"passwords are gone":  {Deduced(), newSchema(t, passwordsSchema), false},
		"one more in a map":   {properties(t, "additionalProperties"), properties(t, "properties"), true},
		"one less in a map":   {properties(t, "properties"), properties(t, "additionalProperties"), false},
		"deeper in the items": {properties(t, "items"), properties(t, "properties"), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.new.RedactsMore(test.old); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// properties is a schema in which the properties, the additionalProperties or the
// items of spec are passwords.
func properties(t *testing.T, of string) *Schema {
	t.Helper()
	password := map[string]any{"type": "string", "format": "password"}
	spec := map[string]any{"type": "object", of: password}
	switch of {
	case "properties":
		spec[of] = map[string]any{"a": password}
	case "items":
		spec["type"] = "array"
	}
	text, err := json.Marshal(map[string]any{"type": "object", "properties": map[string]any{"spec": spec}})
	if err != nil {
		t.Fatal(err)
	}
	return newSchema(t, string(text))
}
