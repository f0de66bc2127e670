package sample

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// stringValues are candidates for a string of which no format is known. There are
// at least two of each sort, so that list items can differ.
func stringValues() []string {
	return []string{
		"sample", "other", "a", "b", "1", "2", "10m", "20m", "1h", "2h", "100Mi", "200Mi", "0.5", "0.25",
		"example.com", "example.org", "https://example.com/a", "https://example.org/b",
		"http://example.com", "tcp://example.com:80", "oci://example.com/a", "/a", "/b",
		"10.0.0.1", "10.0.0.2", "10.0.0.0/24", "10.0.1.0/24", "fd00::1", "fd00:1::/64",
		"v1.2.3", "v1.2.4", "v1", "example.com/a", "example.com/b", "a.b.example.com/c",
		"A", "B", "SAMPLE", "Sample", "Other", "sample-1", "sample-2", "aGVsbG8=", "d29ybGQ=",
		"2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z", "*", "*.example.com",
		"sample/other", "sample:other", "00:00:00:00:00:01", "{}", "true", "false", "",
		"arn:aws:iam::123456789012:role/sample", "12345678-1234-1234-1234-123456789012",
	}
}

// formatted are candidates for the formats that the API server checks, and some
// more that say what is meant.
func formatted(format string) []string {
	switch format {
	case "date-time", "datetime":
		return []string{"2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z", "2026-03-04T05:06:07Z"}
	case "date":
		return []string{"2026-01-02", "2026-02-03"}
	case "duration":
		return []string{"1h", "2h", "30s", "1m"}
	case "byte":
		return []string{"aGVsbG8=", "d29ybGQ="}
	case "email":
		return []string{"a@example.com", "b@example.com"}
	case "hostname":
		return []string{"example.com", "example.org"}
	case "ipv4", "ip":
		return []string{"10.0.0.1", "10.0.0.2"}
	case "ipv6":
		return []string{"fd00::1", "fd00::2"}
	case "cidr":
		return []string{"10.0.0.0/24", "10.0.1.0/24"}
	case "mac":
		return []string{"00:00:00:00:00:01", "00:00:00:00:00:02"}
	case "uri", "url":
		return []string{"https://example.com/a", "https://example.org/b"}
	case "uuid", "uuid4":
		return []string{"12345678-1234-4234-8234-123456789012", "12345678-1234-4234-8234-123456789013"}
	}
	return nil
}

// stringsFor returns strings that satisfy what the schema says of them, the most
// natural ones first.
func stringsFor(s *Schema) []string {
	var all []string
	if values := formatted(s.Format); values != nil {
		all = values
	} else {
		if d, ok := s.Default.(string); ok {
			all = append(all, d)
		}
		all = append(all, stringValues()...)
	}
	for i := range 3 {
		for _, p := range s.patterns {
			all = append(all, matching(p, i, s.MinLength))
		}
	}
	if n := deref(s.MinLength, 0); n > 0 {
		all = append(all, strings.Repeat("a", n), strings.Repeat("b", n), strings.Repeat("1", n))
	}
	for i := range 3 {
		all = append(all, fmt.Sprintf("sample-%d", i+3))
	}
	allowed := s.allowed()
	var out []string
	for _, v := range all {
		if allowed(v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// allowed returns the judge of a string.
func (s *Schema) allowed() func(v string) bool {
	var must, mustNot []*regexp.Regexp
	var not []any
	for _, p := range s.patterns {
		must = appendPattern(must, p)
	}
	for _, n := range s.excluded {
		not = append(not, n.Enum...)
		mustNot = appendPattern(mustNot, n.Pattern)
	}
	return func(v string) bool {
		n := utf8.RuneCountInString(v)
		matches := func(re *regexp.Regexp) bool { return re.MatchString(v) }
		differs := func(re *regexp.Regexp) bool { return !re.MatchString(v) }
		return n >= deref(s.MinLength, 0) && n <= deref(s.MaxLength, math.MaxInt) &&
			!slices.ContainsFunc(must, differs) && !slices.ContainsFunc(mustNot, matches) && !slices.Contains(not, any(v))
	}
}

// appendPattern leaves out what cannot be compiled, as the API server does.
func appendPattern(list []*regexp.Regexp, pattern string) []*regexp.Regexp {
	if re, err := regexp.Compile(pattern); err == nil && pattern != "" {
		list = append(list, re)
	}
	return list
}

// matching returns a string that the pattern matches, another one for another
// variant as far as the pattern has room for it.
func matching(pattern string, variant int, minLength *int) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	write(&b, re.Simplify(), variant, deref(minLength, 0))
	return b.String()
}

func write(b *strings.Builder, re *syntax.Regexp, variant, length int) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(runeOf(re.Rune, variant))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune('a' + rune(variant))
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			write(b, sub, variant, length)
		}
	case syntax.OpAlternate:
		write(b, re.Sub[variant%len(re.Sub)], variant, length)
	case syntax.OpPlus, syntax.OpStar, syntax.OpRepeat:
		repeat(b, re, variant, length)
	}
}

// repeat repeats as often as it must, and more if the string would be too short.
func repeat(b *strings.Builder, re *syntax.Regexp, variant, length int) {
	least, most := re.Min, re.Max
	switch re.Op {
	case syntax.OpPlus:
		least, most = 1, -1
	case syntax.OpStar:
		least, most = 0, -1
	}
	for i := 0; i < least || (most < 0 && b.Len() < length && i < length); i++ {
		write(b, re.Sub[0], variant, 0)
	}
}

// runeOf picks a plain character of a class, which is a list of ranges.
func runeOf(ranges []rune, variant int) rune {
	var found []rune
	for _, r := range "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_./:+= " {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				found = append(found, r)
			}
		}
	}
	if len(found) == 0 {
		return ranges[0]
	}
	return found[variant%len(found)]
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
