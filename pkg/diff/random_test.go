package diff

import (
	"fmt"
	"math/rand/v2"

	"k8s.io/apimachinery/pkg/runtime"
)

// randomObject returns an object of kindsSchema. Every field may be missing, maps
// and lists may be empty, and what is nullable may be null.
func randomObject(r *rand.Rand) map[string]any {
	g := generator{r}
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Kind",
		"metadata": g.object(map[string]func() any{
			"labels":     func() any { return g.texts() },
			"finalizers": func() any { return g.set(g.text) },
			"ownerReferences": func() any {
				return g.keyed(func() any { return map[string]any{"uid": g.text(), "name": g.text()} }, "uid")
			},
		}),
		"spec":   g.spec(),
		"status": g.status(),
	}
}

type generator struct{ *rand.Rand }

func (g generator) spec() any {
	return g.object(map[string]func() any{
		"name":     g.text,
		"replicas": g.number,
		"ratio":    func() any { return float64(g.IntN(3)) / 2 },
		"enabled":  func() any { return g.IntN(2) == 0 },
		"mode":     func() any { return g.maybeNull(g.text()) },
		"port":     g.intOrString,
		"nested": func() any {
			return g.maybeNull(g.object(map[string]func() any{
				"a": g.text,
				"b": func() any { return g.object(map[string]func() any{"c": g.text}) },
			}))
		},
		"params":   func() any { return g.texts() },
		"selector": func() any { return g.texts() },
		"items":    func() any { return g.list(g.port) },
		"set":      func() any { return g.maybeNull(g.set(g.text)) },
		"numbers":  func() any { return g.set(g.number) },
		"mixed":    func() any { return g.set(g.intOrString) },
		"ports":    func() any { return g.keyed(g.taggedPort, "port", "protocol") },
		"free": func() any {
			return g.object(map[string]func() any{"t": g.text, "m": g.texts, "l": func() any { return g.list(g.text) }})
		},
		"template": func() any {
			return map[string]any{"apiVersion": "v1", "kind": "T", "metadata": map[string]any{"finalizers": g.set(g.text)}}
		},
	})
}

func (g generator) status() any {
	condition := func() any { return map[string]any{"type": g.text(), "status": g.text(), "reason": g.text()} }
	return g.object(map[string]func() any{
		"observedGeneration": g.number,
		"conditions":         func() any { return g.keyed(condition, "type") },
	})
}

func (g generator) text() any   { return string(rune('a' + g.IntN(4))) }
func (g generator) number() any { return int64(g.IntN(4)) }

func (g generator) intOrString() any {
	if g.IntN(2) == 0 {
		return g.text()
	}
	return g.number()
}

func (g generator) port() any {
	return g.object(map[string]func() any{"name": g.text, "port": g.number})
}

func (g generator) taggedPort() any {
	p := map[string]any{"port": g.number(), "name": g.text(), "tags": g.set(g.text)}
	if g.IntN(2) == 0 {
		p["protocol"] = []any{"TCP", "UDP"}[g.IntN(2)]
	}
	return p
}

func (g generator) maybeNull(v any) any {
	if g.IntN(4) == 0 {
		return nil
	}
	return v
}

func (g generator) object(fields map[string]func() any) any {
	m := map[string]any{}
	for name, value := range fields {
		if g.IntN(4) > 0 {
			m[name] = value()
		}
	}
	return m
}

func (g generator) texts() any {
	m := map[string]any{}
	for range g.IntN(3) {
		m[fmt.Sprintf("example.com/%v", g.text())] = g.text()
	}
	return m
}

func (g generator) list(item func() any) []any {
	list := []any{}
	for range g.IntN(4) {
		list = append(list, item())
	}
	return list
}

func (g generator) set(item func() any) any {
	return g.unique(item, func(v any) string { return fmt.Sprintf("%T %v", v, v) })
}

func (g generator) keyed(item func() any, keys ...string) any {
	return g.unique(item, func(v any) string {
		key := ""
		for _, k := range keys {
			part, ok := v.(map[string]any)[k]
			if !ok {
				part = "TCP" // the default of the only key that has one
			}
			key += fmt.Sprint(part, "/")
		}
		return key
	})
}

func (g generator) unique(item func() any, key func(any) string) any {
	list, seen := []any{}, map[string]bool{}
	for _, v := range g.list(item) {
		if k := key(v); !seen[k] {
			seen[k] = true
			list = append(list, v)
		}
	}
	return list
}

// mutate returns a copy of old in which some values are those of another object.
func (g generator) mutate(old, other map[string]any) map[string]any {
	m := map[string]any{}
	for k, v := range old {
		m[k] = runtime.DeepCopyJSONValue(v)
	}
	for k, v := range other {
		was, ok := m[k].(map[string]any)
		is, both := v.(map[string]any)
		switch {
		case ok && both && g.IntN(4) > 0:
			m[k] = g.mutate(was, is)
		case g.IntN(3) == 0:
			m[k] = runtime.DeepCopyJSONValue(v)
		case g.IntN(6) == 0:
			delete(m, k)
		}
	}
	return m
}
