package diff

// aboutSecret tells whether the words after one for a secret end in one by which the
// value is not the secret itself, but something about it. Identifies says whether
// an ID does that too: a secretId and an accessKeyId are halves of credentials.
func aboutSecret(after string, identifies bool) bool {
	var buf [16]byte
	switch string(lowerLastWord(after, &buf)) {
	case "id", "ids", "uid":
		return identifies
	case "ref", "refs", "reference", "references", "name", "names", "key", "keys",
		"path", "paths", "file", "files", "filename", "filepath", "dir", "directory",
		"location", "mount", "volume", "bucket", "namespace", "namespaces", "arn", "arns",
		"source", "sources", "from", "env", "store", "stores", "engine", "backend",
		"selector", "selectors", "template", "prefix", "suffix", "field", "fields",
		"header", "headers", "param", "params", "parameter", "property", "index",
		"label", "labels", "annotation", "annotations", "resource", "resources":
		return true // where it is, or what it is called
	case "ttl", "expiration", "expiry", "expires", "expire", "expired", "lifetime",
		"duration", "seconds", "minutes", "hours", "days", "interval", "period", "timeout",
		"time", "timestamp", "date", "at", "since", "until", "age", "rotation", "version",
		"generation", "length", "size", "bits", "count", "limit", "max", "min", "uses", "usage":
		return true // how long, how much
	case "type", "types", "kind", "class", "mode", "modes", "method", "methods", "format",
		"encoding", "encryption", "algorithm", "algorithms", "alg", "charset", "characters",
		"symbols", "digits", "policy", "policies", "strategy", "generator", "hint", "scheme",
		"enabled", "disabled", "enable", "required", "optional", "checksum", "digest",
		"status", "phase", "state", "reason", "message", "condition", "conditions", "action":
		return true // of what sort, in what state
	case "url", "urls", "uri", "uris", "endpoint", "endpoints", "address", "host", "hostname",
		"port", "server", "service", "provider", "providers", "issuer", "issuers", "audience",
		"audiences", "subject", "claim", "claims", "scope", "scopes", "cidr", "cidrs", "role",
		"roles", "user", "username", "group", "owner", "manager", "controller", "request",
		"requests", "review", "reviewer", "reviewers", "auth", "authentication", "authorization":
		return true // from whom, for whom
	}
	return false
}

// refersToSecret tells whether the words before secret make it the name of a Secret:
// existingSecret, imagePullSecret, tlsSecret.
func refersToSecret(before string) bool {
	var buf [16]byte
	switch string(lowerLastWord(before, &buf)) {
	case "existing", "pull", "tls", "cert", "certificate", "ca", "target", "source", "from",
		"output", "destination", "config", "kubeconfig", "backup", "values", "password",
		"credential", "credentials", "creds":
		return true
	}
	return false
}

// counts tells whether the words before tokens make them those of a language model.
func counts(before string) bool {
	var buf [16]byte
	switch string(lowerLastWord(before, &buf)) {
	case "max", "min", "num", "total", "prompt", "completion", "input", "output", "context", "used":
		return true
	}
	return false
}

// lowerLastWord writes the last word of s to buf, in lower case. Numbers are no words,
// and nor is one that does not fit.
func lowerLastWord(s string, buf *[16]byte) []byte {
	for s != "" && !isLetter(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	i := len(s)
	for i > 0 && isLetter(s[i-1]) {
		i--
		if startsWord(s, i) && !pluralOf(s, i) {
			break
		}
	}
	word := s[i:]
	if len(word) > len(buf) {
		return nil
	}
	for j := range len(word) {
		buf[j] = word[j] | 0x20
	}
	return buf[:len(word)]
}

// pluralOf tells whether s[i:] is the end of a plural like IDs or URLs, where the
// change of case starts no word.
func pluralOf(s string, i int) bool {
	return i > 0 && isUpper(s[i-1]) && i+2 == len(s) && s[i+1] == 's'
}

// startsWord tells whether a word starts at s[i]: after another one in camel case
// (also tokenTTLSeconds), or after anything but a letter.
func startsWord(s string, i int) bool {
	if i == 0 || !isLetter(s[i-1]) {
		return true
	}
	if !isUpper(s[i]) {
		return false
	}
	return !isUpper(s[i-1]) || i+1 < len(s) && isLetter(s[i+1]) && !isUpper(s[i+1])
}

// endsWord tells whether a word ends before s[i].
func endsWord(s string, i int) bool {
	return i == len(s) || !isLetter(s[i]) || isUpper(s[i]) && !isUpper(s[i-1])
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isUpper(b byte) bool  { return 'A' <= b && b <= 'Z' }

// hasFold tells whether s starts with word, which is in lower case, in any case.
func hasFold(s, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for i := range len(word) {
		if s[i] != word[i] && s[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

func hasSuffixFold(s, word string) bool {
	return len(s) >= len(word) && hasFold(s[len(s)-len(word):], word)
}
