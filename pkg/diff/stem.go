package diff

import "cmp"

// stem is a word for a secret within a name.
type stem struct {
	start, end int
	kind       stemKind
}

type stemKind int

const (
	noStem stemKind = iota
	passwordStem
	tokenStem
	secretStem
	secretKeyStem
	accessKeyStem
	otherStem
	bareStem // secret only if nothing follows
)

// lastStem finds the last word for a secret in a name. It runs for each field of
// each object: it allocates nothing, and most letters cost it one comparison.
func lastStem(name string) stem {
	var last stem
	for i := 0; i+1 < len(name); i++ {
		var s stem
		switch uint16(name[i]|0x20)<<8 | uint16(name[i+1]|0x20) {
		case 'p'<<8 | 'a', 'p'<<8 | 'w', 'p'<<8 | 's':
			s = passStem(name, i)
		case 't'<<8 | 'o':
			s = stemAt(name, i, "token", tokenStem)
		case 's'<<8 | 'e':
			s = stemAt(name, i, "secret", secretStem)
		case 'k'<<8 | 'e':
			s = keyStem(name, i, last)
		case 'c'<<8 | 'r':
			s = cmp.Or(stemAt(name, i, "credential", otherStem), wordAt(name, i, "creds", otherStem))
		case 'c'<<8 | 'o':
			s = connectionStem(name, i)
		case 'a'<<8 | 'u', 'd'<<8 | 'o', 'd'<<8 | 's', 'j'<<8 | 'w', 'k'<<8 | 'u':
			s = bareStemAt(name, i)
		default:
			continue
		}
		if s.kind != noStem {
			last, i = s, s.end-1
		}
	}
	return last
}

func passStem(name string, i int) stem {
	return cmp.Or(
		stemAt(name, i, "password", passwordStem),
		stemAt(name, i, "passwd", passwordStem),
		stemAt(name, i, "passphrase", passwordStem),
		stemAt(name, i, "passcode", passwordStem),
		wordAt(name, i, "pass", passwordStem),
		wordAt(name, i, "pwd", passwordStem),
		wordAt(name, i, "psk", bareStem),
	)
}

func connectionStem(name string, i int) stem {
	const connection = "connection"
	if !hasFold(name[i:], connection) {
		return stem{} // most often it is count, condition, config, container
	}
	at := i + len(connection)
	if at < len(name) && !isLetter(name[at]) {
		at++
	}
	s := stemAt(name, at, "string", otherStem)
	if s.kind != noStem {
		s.start = i
	}
	return s
}

func bareStemAt(name string, i int) stem {
	return cmp.Or(
		wordAt(name, i, "authorization", bareStem),
		wordAt(name, i, "dockerconfigjson", bareStem),
		wordAt(name, i, "dsn", bareStem),
		wordAt(name, i, "jwt", bareStem),
		wordAt(name, i, "kubeconfig", bareStem),
	)
}

// keyStem finds a key that is secret by the word before it. There are many others:
// a topologyKey, a publicKey, a passwordKey, which is the name of a Secret's entry.
func keyStem(name string, i int, last stem) stem {
	if !hasFold(name[i:], "key") {
		return stem{}
	}
	end := i
	if end > 0 && !isLetter(name[end-1]) {
		end--
	}
	before := name[:end]
	if last.kind == secretStem && last.end == end {
		return secretKeyAfter(name[:last.start], last.start, i)
	}
	if hasSuffixFold(before, "access") {
		return stem{end - len("access"), i + len("key"), accessKeyStem}
	}
	for _, word := range [...]string{
		"api", "private", "signing", "encryption", "decryption", "shared", "account", "master",
		"hmac", "auth", "license", "unseal", "app", "application", "deploy", "client",
	} {
		if hasSuffixFold(before, word) {
			return stem{end - len(word), i + len("key"), otherStem}
		}
	}
	return stem{}
}

// secretKeyAfter is a secretKey, but not within passwordSecretKey, which is the key
// of the password within its Secret.
func secretKeyAfter(before string, start, i int) stem {
	for _, word := range [...]string{"password", "token", "credential", "credentials"} {
		if hasSuffixFold(before, word) {
			return stem{}
		}
	}
	return stem{start, i + len("key"), secretKeyStem}
}

// stemAt matches a word, even in the middle of others that are written together.
func stemAt(name string, i int, word string, kind stemKind) stem {
	if !hasFold(name[i:], word) {
		return stem{}
	}
	return stem{i, i + len(word), kind}
}

// wordAt matches a short word, which must stand for itself: pass is not in bypass.
func wordAt(name string, i int, word string, kind stemKind) stem {
	if !hasFold(name[i:], word) || !startsWord(name, i) || !endsWord(name, i+len(word)) {
		return stem{}
	}
	return stem{i, i + len(word), kind}
}
