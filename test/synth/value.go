package synth

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Share counts what the JSON of objects consists of, in bytes. What is neither
// random nor picked nor repeated is names of fields, punctuation and constants.
type Share struct {
	// Random bytes differ from object to object, Picked ones come from the
	// vocabulary of a field, Repeated ones are the copy in status.atProvider.
	Random, Picked, Repeated int
	// Total is the object without managedFields.
	Total int
}

// Add sums two Shares.
func (s Share) Add(o Share) Share {
	return Share{s.Random + o.Random, s.Picked + o.Picked, s.Repeated + o.Repeated, s.Total + o.Total}
}

// maker makes the values of one object.
type maker struct {
	*rand.Rand
	share  Share
	region string
}

// object makes a value for each of the fields, but leaves some optional ones out.
func (m *maker) object(fields []field) map[string]any {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		if !f.optional || m.IntN(4) > 0 {
			out[f.name] = m.value(f)
		}
	}
	return out
}

func (m *maker) value(f field) any {
	switch f.form {
	case flag:
		m.share.Picked += 4
		return m.IntN(2) == 0
	case number:
		n := int64(m.IntN(f.max))
		m.share.Random += len(strconv.FormatInt(n, 10))
		return n
	case words:
		return m.list(1+m.IntN(3), func() any { return m.picked(f.options) })
	case tags:
		return m.tags()
	case reference:
		return map[string]any{
			"name":   m.picked(teams) + "-" + m.picked(firsts) + "-" + m.random(letters, 5),
			"policy": map[string]any{"resolution": m.picked([]string{"Required", "Optional"})},
		}
	case group:
		return m.object(f.fields)
	case entries:
		return m.list(1+m.IntN(3), func() any {
			entry := m.object(f.fields)
			entry["name"] = m.picked(values) + "-" + m.random(letters, 4)
			return entry
		})
	}
	return m.text(f)
}

// text makes the value of a field that is a string.
func (m *maker) text(f field) string {
	switch f.form {
	case identifier:
		return f.options[0] + "-" + m.random(hexDigits, 17)
	case arn:
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s/%s", m.picked(services), m.region,
			m.picked(accounts), m.picked(seconds), m.random(hexDigits, 12))
	case label:
		return m.picked(teams) + "-" + m.picked(firsts) + "-" + m.random(letters, 5)
	case address:
		return m.address()
	case date:
		return m.date()
	}
	if f.name == "region" {
		m.region = m.picked(f.options)
		return m.region
	}
	return m.picked(f.options)
}

func (m *maker) list(n int, next func() any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = next()
	}
	return out
}

func (m *maker) tags() map[string]any {
	return map[string]any{
		"team":                      m.picked(teams),
		"environment":               m.picked([]string{"production", "staging", "development"}),
		"cost-center":               "cc-" + m.random("0123456789", 5),
		"crossplane-kind":           m.picked(kinds),
		"crossplane-name":           m.picked(teams) + "-" + m.random(letters, 5),
		"crossplane-providerconfig": m.picked(accounts),
	}
}

func (m *maker) address() string {
	var b strings.Builder
	b.WriteString("10")
	for range 3 {
		fmt.Fprintf(&b, ".%d", m.IntN(256))
	}
	m.share.Random += b.Len() - 2
	return b.String() + m.picked([]string{"", "/24", "/28"})
}

func (m *maker) date() string {
	const year = 365 * 24 * 3600
	m.share.Random += 14 // the digits after the century
	return time.Unix(1735689600+int64(m.IntN(year)), 0).UTC().Format(time.RFC3339)
}

func (m *maker) uuid() string {
	return strings.Join([]string{
		m.random(hexDigits, 8), m.random(hexDigits, 4), m.random(hexDigits, 4), m.random(hexDigits, 4), m.random(hexDigits, 12),
	}, "-")
}

func (m *maker) picked(from []string) string {
	s := pick(m.Rand, from)
	m.share.Picked += len(s)
	return s
}

func (m *maker) random(alphabet string, n int) string {
	m.share.Random += n
	return random(m.Rand, alphabet, n)
}
