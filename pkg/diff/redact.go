package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Redact replaces, in place, whatever is sensitive in an object: strings that the
// schema gives the format password, strings whose field is named like a secret (see
// classify), the data of embedded Secrets, and annotations that repeat the whole
// object. A string becomes "<redacted sha256:XXXXXXXX>", the beginning of its hash,
// so that a change of it can still be seen; the hash of a value that is easily
// guessed is no protection. Sensitive values other than strings are dropped.
// managedFields, which repeats the items of sets and the keys of lists, is altered
// alike, so that attribution still works.
//
// Redacting twice does nothing more. The caller must own the object. Names are all
// that is judged: a password in the middle of a text, a URL or a command line stays.
// Placeholders stay, too: "${DB_PASSWORD}" says where a secret comes from, and is none.
func (s *Schema) Redact(obj map[string]any) {
	for key := range obj {
		redactSection(obj, key, s.rules)
	}
}

// redactSection redacts one top-level field. If that fails, the field is dropped:
// better no event than a leak.
func redactSection(obj map[string]any, key string, r *rule) {
	defer func() {
		if recover() != nil {
			delete(obj, key)
		}
	}()
	redactField(obj, key, obj[key], r)
}

func redactMap(m map[string]any, r *rule) {
	for key, v := range m {
		redactField(m, key, v, r)
	}
}

// redactField redacts the entry of m that has the given key and value. The rule is
// that of m.
func redactField(m map[string]any, key string, v any, parent *rule) {
	r := parent.field(key)
	if v == nil || r.isPlain() {
		return
	}
	switch v := v.(type) {
	case string:
		if r.isSecret() || sensitive(m, key) {
			m[key] = Mask(v)
		}
	case map[string]any:
		redactObject(m, key, v, parent)
	case []any:
		secret := holdsText(v) && sensitive(m, key)
		if kept := redactItems(v, secret, r.item()); len(kept) < len(v) {
			m[key] = kept
		}
	default:
		if r.isSecret() || isNumber(v) && classify(key) == password {
			delete(m, key)
		}
	}
}

// redactObject redacts a map within a map. Some are special by their name.
func redactObject(m map[string]any, key string, v map[string]any, parent *rule) {
	r := parent.field(key)
	if r.isSecret() {
		delete(m, key)
		return
	}
	switch key {
	case "annotations":
		redactSnapshots(v)
	case "metadata":
		redactMetadata(v, r, parent)
		return
	case "stringData":
		maskAll(v)
	case "data":
		if m["kind"] == "Secret" && m["apiVersion"] == "v1" {
			maskAll(v)
		}
	}
	redactMap(v, r)
}

// redactItems returns the redacted list, which shares the memory of the given one.
// The rule is that of its items.
func redactItems(list []any, secret bool, r *rule) []any {
	secret = secret || r.isSecret()
	kept := list[:0]
	for _, v := range list {
		switch item := v.(type) {
		case string:
			if secret {
				v = Mask(item)
			}
		case []any:
			v = redactItems(item, secret, r.item())
		case map[string]any:
			if r.isSecret() {
				continue
			}
			redactMap(item, r)
		default:
			if v != nil && r.isSecret() {
				continue
			}
		}
		kept = append(kept, v)
	}
	clear(list[len(kept):])
	return kept
}

// holdsText tells whether a list has strings whose secrecy the list's name decides.
func holdsText(list []any) bool {
	for _, v := range list {
		switch v.(type) {
		case string, []any:
			return true
		}
	}
	return false
}

// redactSnapshots redacts annotations in which a tool keeps the object as it last
// applied it, secrets included.
func redactSnapshots(annotations map[string]any) {
	for key, v := range annotations {
		if s, ok := v.(string); ok && isSnapshot(key) {
			annotations[key] = Mask(s)
		}
	}
}

// isSnapshot knows the annotations of kubectl and those who follow its example, of
// kopf, of Rancher's wrangler and of kapp.
func isSnapshot(annotation string) bool {
	return strings.Contains(annotation, "last-applied") ||
		strings.Contains(annotation, "last-handled-configuration") ||
		annotation == "objectset.rio.cattle.io/applied" ||
		strings.HasPrefix(annotation, "kapp.k14s.io/original")
}

func maskAll(m map[string]any) {
	for key, v := range m {
		s, ok := v.(string)
		if !ok {
			delete(m, key)
			continue
		}
		m[key] = Mask(s)
	}
}

const (
	maskPrefix = "<redacted sha256:"
	maskSuffix = ">"
	maskDigits = 8
)

// Mask returns what is shown instead of a sensitive string. One that is empty or a
// placeholder has nothing to hide, and a mask stays what it is.
func Mask(s string) string {
	if s == "" || IsMask(s) || isPlaceholder(s) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return maskPrefix + hex.EncodeToString(sum[:maskDigits/2]) + maskSuffix
}

// IsMask reports whether a string is what Mask puts in place of another.
func IsMask(s string) bool {
	digits, ok := strings.CutPrefix(s, maskPrefix)
	if !ok || len(digits) != maskDigits+len(maskSuffix) || !strings.HasSuffix(digits, maskSuffix) {
		return false
	}
	return strings.Trim(digits[:maskDigits], "0123456789abcdef") == ""
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

// placeholder matches one or several of ${NAME}, ${env:NAME}, $(NAME) and {{ .name }},
// with nothing but punctuation between them. One with a default or with a quoted text
// may hold a secret after all, and does not match.
var placeholder = regexp.MustCompile(`^(\$\{(env:)?[A-Za-z_][\w.]*\}|\$\([A-Za-z_][\w.-]*\)|\{\{[-=]? *[.$A-Za-z][\w.$|() -]*\}\}|[ :;,@/_-])+$`)

// isPlaceholder tells whether a string is to be replaced by somebody else.
func isPlaceholder(s string) bool {
	return (strings.Contains(s, "{") || strings.Contains(s, "$(")) && placeholder.MatchString(s)
}
