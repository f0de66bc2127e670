package diff

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// TestPruneSaysTheSame makes schemas at random and compares what is made of them with what
// is made of them pruned.
func TestPruneSaysTheSame(t *testing.T) {
	const schemas = 2_000
	random := rand.New(rand.NewPCG(1, 2))
	valid, shaped, secret, named := 0, 0, 0, 0
	for range schemas {
		text := anySchema(random, 3)
		want, wantErr := schemaOf([]byte(text))
		got, err := NewSchema([]byte(text))
		if fmt.Sprint(err) != fmt.Sprint(wantErr) && (err == nil || wantErr == nil) {
			t.Fatalf("error %v, without pruning %v, of %s", err, wantErr, text)
		}
		if !reflect.DeepEqual(got, want) {
			pruned, _ := prune([]byte(text))
			t.Fatalf("another schema is made of\n%s, pruned to\n%s", text, pruned)
		}
		if _, err := pruneOnce([]byte(text), false); errors.Is(err, errNamesMatter) {
			named++
		}
		if err == nil {
			valid++
		}
		if want.rules != nil {
			secret++
		}
		if !reflect.DeepEqual(want.shape, Deduced().shape) {
			shaped++
		}
	}
	for what, n := range map[string]int{"valid": valid, "with shapes": shaped, "with secrets": secret, "whose names matter": named} {
		if n < schemas/100 {
			t.Errorf("only %d of %d schemas are %s", n, schemas, what)
		}
	}
}

// anySchema is a schema, most often a valid one.
func anySchema(r *rand.Rand, depth int) string {
	var words []string
	say := func(of int, format string, args ...any) {
		if r.IntN(of) == 0 {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	below := func() string {
		if depth == 0 {
			return `{"type":"string","description":"a leaf"}`
		}
		return anySchema(r, depth-1)
	}
	say(2, `"description":"what it is {for}"`)
	kind := r.IntN(12)
	switch {
	case kind < 5:
		say(1, `"type":"object"`)
	case kind < 8:
		say(1, `"type":"array"`)
	case kind < 11:
		say(1, `"type":"string"`)
		say(3, `"format":%q`, pick(r, "password", "date-time"))
	default:
		say(20, `"type":"tuple"`)
		say(2, `"x-kubernetes-int-or-string":true`)
	}
	if kind < 5 || kind == 11 {
		say(4, `"additionalProperties":%s`, pick(r, "true", "false", below(), below()))
		var properties []string
		for _, name := range []string{"type", "items", "properties", "key"}[:r.IntN(5)] {
			properties = append(properties, fmt.Sprintf("%q:%s", name, below()))
		}
		say(2, `"properties":{%s}`, strings.Join(properties, ","))
		say(5, `"x-kubernetes-map-type":%q`, pick(r, "atomic", "granular"))
		say(8, `"x-kubernetes-embedded-resource":%s`, pick(r, "true", "false"))
		say(8, `"x-kubernetes-preserve-unknown-fields":true`)
		say(8, `"required":["key"]`)
	}
	if kind >= 5 && kind < 8 || kind == 11 {
		if r.IntN(50) > 0 {
			say(1, `"items":%s`, below())
		}
		say(5, `"x-kubernetes-list-type":%q`, pick(r, "atomic", "set"))
		say(5, `"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["key","type"]`)
		say(20, `"x-kubernetes-patch-strategy":"merge","x-kubernetes-patch-merge-key":"key"`)
		say(100, `"x-kubernetes-list-type":"bag"`)
	}
	say(5, `"default":%s`, pick(r, `"a"`, `1`, `{"password":[]}`))
	say(8, `%q:[%s]`, pick(r, "allOf", "anyOf", "oneOf", "enum"), strings.Join([]string{below(), below(), below()}[:r.IntN(4)], ","))
	say(10, `"not":%s`, below())
	r.Shuffle(len(words), func(i, k int) { words[i], words[k] = words[k], words[i] })
	return "{" + strings.Join(words, ",") + "}"
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }
