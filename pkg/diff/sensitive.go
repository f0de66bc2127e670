package diff

import "strings"

// sensitive tells whether the string at m[key], or the strings listed there, are
// secret by their name.
func sensitive(m map[string]any, key string) bool {
	switch classify(key) {
	case secret, password:
		return true
	case secretKey:
		return !selects(m)
	}
	return (key == "value" || key == "default") && namesSecret(m)
}

// namesSecret tells whether m is a pair of name and value, like an environment
// variable, a header or a parameter, with the name of a secret.
func namesSecret(m map[string]any) bool {
	name, ok := m["name"].(string)
	if !ok {
		name, ok = m["key"].(string)
	}
	return ok && classify(name) != public
}

// selects tells whether a secretKey beside the other fields of m is one of the keys
// in a Secret's data, as in an ExternalSecret's {secretKey, remoteRef}, and not the
// other half of {accessKey, secretKey}.
func selects(m map[string]any) bool {
	found := false
	for name := range m {
		if lastStem(name).kind == accessKeyStem {
			return false
		}
		found = found || name == "name" || name == "secret" ||
			hasSuffixFold(name, "secretname") || hasSuffixFold(name, "ref")
	}
	return found
}

// sensitivity is what a name says about a value.
type sensitivity int

const (
	public    sensitivity = iota
	secret                // a string is secret
	password              // and so is a number
	secretKey             // a secret or the name of one: what is beside it decides
)

// classify judges a field by its name, in any style of writing: camel case, snake
// case, upper case, dotted. The domain of an annotation does not count.
//
// The last word for a secret decides, together with what follows: a password is
// secret, passwordSecretRef and passwordFile only say where it is. What follows must
// be known to be harmless; a name that is merely unheard of is taken for a secret,
// since a hash in an event does less harm than a password.
func classify(key string) sensitivity {
	key = key[strings.LastIndexByte(key, '/')+1:]
	s := lastStem(key)
	if s.kind == noStem {
		return public
	}
	plural := s.end < len(key) && key[s.end]|0x20 == 's' && endsWord(key, s.end+1)
	if plural {
		s.end++
	}
	after := key[s.end:]
	if !endsWord(key, s.end) {
		return joined(after)
	}
	if s.harmless(key[:s.start], after, plural) {
		return public
	}
	switch {
	case s.kind == passwordStem && after == "" && !plural:
		return password
	case s.kind == secretKeyStem && after == "":
		return secretKey
	}
	return secret
}

// joined judges a word for a secret that goes on without a break, like tokenizer or
// secretname. Only few words that are written so hold a secret.
func joined(after string) sensitivity {
	for _, word := range [...]string{"value", "data", "hash"} {
		if len(after) == len(word) && hasFold(after, word) {
			return secret
		}
	}
	return public
}

// harmless tells whether the words around a stem make it one that is only about a
// secret.
func (s stem) harmless(before, after string, plural bool) bool {
	switch s.kind {
	case bareStem:
		return after != "" || plural
	case secretStem:
		// Lists of secrets are lists of names: see ServiceAccount, Prometheus.
		if plural || after == "" && refersToSecret(before) {
			return true
		}
	case tokenStem:
		if plural && counts(before) {
			return true
		}
	}
	identifies := s.kind != secretStem && s.kind != accessKeyStem
	return aboutSecret(after, identifies)
}
