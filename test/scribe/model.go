package scribe

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// model is what a writer knows of one object: its leaves by path. It changes them at
// random and says, without any diff, what must be reported.
type model struct {
	rng         *rand.Rand
	size, free  int64
	mode, phase string
	labels      map[string]string
	ports       map[string]int64
	tags        []string
	args        []string
	conditions  map[string]string
}

func newModel(rng *rand.Rand) *model {
	return &model{
		rng: rng, size: 1, mode: "auto", args: []string{"a0", "a1"}, tags: []string{"t0"},
		labels: map[string]string{"l0": "x"}, ports: map[string]int64{"p0": 80}, conditions: map[string]string{"C0": "Unknown"},
	}
}

// spec and status render the model as the objects that are written.
func (m *model) spec() Object {
	labels := Object{}
	for k, v := range m.labels {
		labels[k] = v
	}
	return Object{
		"size": m.size, "mode": m.mode, "labels": labels, "tags": anys(m.tags), "args": anys(m.args),
		"ports": entries(m.ports, "name", "port"), "free": Object{"nested": Object{"n": m.free}},
	}
}

func (m *model) status() Object {
	return Object{"phase": m.phase, "conditions": entries(m.conditions, "type", "status")}
}

func anys(in []string) []any {
	out := []any{}
	for _, s := range in {
		out = append(out, s)
	}
	return out
}

func entries[V any](m map[string]V, key, value string) []any {
	out := []any{}
	for _, k := range sorted(m) {
		out = append(out, Object{key: k, value: m[k]})
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// firstStatus is what the first write of the status adds.
func (m *model) firstStatus() []diff.Change {
	m.phase = m.word()
	return []diff.Change{
		{Path: `.status.conditions[type="C0"].status`, Op: diff.Add, New: m.conditions["C0"]},
		{Path: `.status.conditions[type="C0"].type`, Op: diff.Add, New: "C0"},
		{Path: ".status.phase", Op: diff.Add, New: m.phase},
	}
}

// changeSpec changes one to three fields of the spec.
func (m *model) changeSpec() []diff.Change {
	mutations := []func() []diff.Change{m.resize, m.remode, m.relabel, m.report, m.retag, m.reargue, m.refree}
	return m.some(mutations)
}

// changeStatus changes the phase, and perhaps a condition.
func (m *model) changeStatus() []diff.Change {
	return m.some([]func() []diff.Change{m.rephase, m.condition})
}

func (m *model) some(mutations []func() []diff.Change) []diff.Change {
	var changes []diff.Change
	for _, i := range m.rng.Perm(len(mutations))[:1+m.rng.IntN(min(3, len(mutations)))] {
		changes = append(changes, mutations[i]()...)
	}
	slices.SortFunc(changes, func(a, b diff.Change) int { return strings.Compare(a.Path, b.Path) })
	return changes
}

func (m *model) word() string { return fmt.Sprintf("w%d", m.rng.IntN(1_000_000)) }

func replaced[V comparable](path string, old *V, value V) []diff.Change {
	if *old == value {
		return nil
	}
	c := diff.Change{Path: path, Op: diff.Replace, Old: *old, New: value}
	*old = value
	return []diff.Change{c}
}

func (m *model) resize() []diff.Change {
	return replaced(".spec.size", &m.size, m.rng.Int64N(1_000_000))
}
func (m *model) remode() []diff.Change { return replaced(".spec.mode", &m.mode, m.word()) }
func (m *model) refree() []diff.Change {
	return replaced(".spec.free.nested.n", &m.free, m.rng.Int64N(1_000_000))
}
func (m *model) rephase() []diff.Change { return replaced(".status.phase", &m.phase, m.word()) }

func (m *model) relabel() []diff.Change {
	key := fmt.Sprintf("l%d", m.rng.IntN(3))
	return put(m.rng, m.labels, key, m.word(), func(k string) string { return ".spec.labels." + k }, nil)
}

func (m *model) report() []diff.Change {
	key := fmt.Sprintf("p%d", m.rng.IntN(3))
	item := func(k string) string { return fmt.Sprintf(".spec.ports[name=%q]", k) }
	return put(m.rng, m.ports, key, m.rng.Int64N(60_000), func(k string) string { return item(k) + ".port" },
		func(k string) string { return item(k) + ".name" })
}

func (m *model) condition() []diff.Change {
	key := fmt.Sprintf("C%d", m.rng.IntN(3))
	item := func(k string) string { return fmt.Sprintf(".status.conditions[type=%q]", k) }
	return put(m.rng, m.conditions, key, m.word(), func(k string) string { return item(k) + ".status" },
		func(k string) string { return item(k) + ".type" })
}

// put adds, replaces or removes an entry of a map or an associative list. The key
// field of a list's entry is a leaf of its own.
func put[V comparable](rng *rand.Rand, in map[string]V, key string, value V, path, keyPath func(string) string) []diff.Change {
	old, present := in[key]
	whole := func(op diff.Op, before, after, keyBefore, keyAfter any) []diff.Change {
		changes := []diff.Change{{Path: path(key), Op: op, Old: before, New: after}}
		if keyPath != nil {
			changes = append(changes, diff.Change{Path: keyPath(key), Op: op, Old: keyBefore, New: keyAfter})
		}
		return changes
	}
	switch {
	case !present:
		in[key] = value
		return whole(diff.Add, nil, value, nil, key)
	case len(in) > 1 && rng.IntN(2) == 0: // an empty map or list is a leaf of its own
		delete(in, key)
		return whole(diff.Remove, old, nil, key, nil)
	case old == value:
		return nil
	}
	in[key] = value
	return []diff.Change{{Path: path(key), Op: diff.Replace, Old: old, New: value}}
}

func (m *model) retag() []diff.Change {
	tag := fmt.Sprintf("t%d", m.rng.IntN(4))
	path := fmt.Sprintf(".spec.tags[%q]", tag)
	if i := slices.Index(m.tags, tag); i >= 0 {
		if len(m.tags) == 1 {
			return nil
		}
		m.tags = slices.Delete(m.tags, i, i+1)
		return []diff.Change{{Path: path, Op: diff.Remove, Old: tag}}
	}
	m.tags = append(m.tags, tag)
	return []diff.Change{{Path: path, Op: diff.Add, New: tag}}
}

func (m *model) reargue() []diff.Change {
	if i := len(m.args); i < 4 && m.rng.IntN(2) == 0 {
		m.args = append(m.args, m.word())
		return []diff.Change{{Path: fmt.Sprintf(".spec.args[%d]", i), Op: diff.Add, New: m.args[i]}}
	}
	i := m.rng.IntN(len(m.args))
	return replaced(fmt.Sprintf(".spec.args[%d]", i), &m.args[i], m.word())
}
