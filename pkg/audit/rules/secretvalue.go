package rules

import (
	"math"
	"regexp"
	"strings"
	"unicode"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// secretForm is what secrets of a kind look like.
type secretForm struct {
	what string
	// hints are texts of which each such secret has one: they are looked for first,
	// because that is quick.
	hints   []string
	pattern *regexp.Regexp
}

var secretForms = []secretForm{
	{"a private key", []string{"PRIVATE KEY-----"}, regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
	{"an AWS access key", []string{"AKIA", "ASIA"}, regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a GitHub token", []string{"gh", "github_pat_"}, regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b`)},
	{"a GitLab token", []string{"glpat-"}, regexp.MustCompile(`\bglpat-[0-9A-Za-z_-]{20,}`)},
	{"a JSON web token", []string{"eyJ"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)},
	{"a Slack token", []string{"xox"}, regexp.MustCompile(`\bxox[abprs]-[0-9A-Za-z-]{20,}\b`)},
	{"a Google API key", []string{"AIza"}, regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}\b`)},
	{"a Stripe key", []string{"k_live_"}, regexp.MustCompile(`\b[sr]k_live_[0-9A-Za-z]{20,}\b`)},
	{"an Azure account key", []string{"AccountKey="}, regexp.MustCompile(`AccountKey=[A-Za-z0-9+/]{40,}`)},
}

// secretValue says what makes a value that was not redacted a secret: what it looks like,
// a password in a URL, or randomness under a name that has to do with secrets.
func secretValue(in *audit.Input, name, value string) clue {
	for _, f := range secretForms {
		if f.matches(value) {
			return clue{text: "it holds " + f.what}
		}
	}
	if hasPasswordInURL(value) {
		return clue{text: "it holds a URL with a password"}
	}
	if isRandom(in, value) && mentionsSecret(name) { // in the order of what they cost
		return clue{"it looks random, and its name has to do with secrets", audit.Medium}
	}
	return clue{}
}

func (f *secretForm) matches(value string) bool {
	for _, hint := range f.hints {
		if strings.Contains(value, hint) {
			return f.pattern.MatchString(value)
		}
	}
	return false
}

// userInfo matches a URL with user and password.
var userInfo = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/\s:@'"?#]*:([^/\s@'"?#]{3,})@[A-Za-z0-9\[]`)

// dummy matches what documentation, templates and redacting tools write for a password.
var dummy = regexp.MustCompile(`(?i)^(password|passwd|pass|pwd|secret|redacted|x+|\.+|%[a-z])$|[{}$*<>]`)

func hasPasswordInURL(value string) bool {
	if !strings.Contains(value, "://") || !strings.Contains(value, "@") {
		return false
	}
	for _, m := range userInfo.FindAllStringSubmatch(value, -1) {
		if !dummy.MatchString(m[1]) {
			return true
		}
	}
	return false
}

var (
	telling    = regexp.MustCompile(`(?i)passw|secret|token|cred|auth|bearer|seed|^key$|(app|encryption|signing|cookie|session|master|license|ingest)[-_]?key$`)
	notTelling = regexp.MustCompile(`(?i)(id|name|ref|arn|hash|digest|checksum|fingerprint|signature|cert|certificate|ca|bundle|version|path|file|url|uri|endpoint|audience|issuer|policy|template)s?$|public|encrypted|sealed|author(s|ity)?$`)
	// coded matches what keys are written in: base64, plain or for URLs.
	coded = regexp.MustCompile(`^[A-Za-z0-9+/_=-]+$`)
)

// mentionsSecret: the name has to do with secrets, though it is not that of one.
func mentionsSecret(name string) bool {
	return telling.MatchString(name) && !notTelling.MatchString(name)
}

// What a value must be like to be random:
var (
	// randomMin: a key has at least 128 bits, which are 22 letters of base64.
	randomMin = audit.Threshold[int]{Name: "shortest", Default: 22, Min: 2, Doc: "how many letters a random value has at least"}
	randomMax = audit.Threshold[int]{Name: "longest", Default: 200, Min: 2, Doc: "and at most: what is longer is rather something encoded than a key"}
	// randomBits is what random letters of base64 exceed even when they are few.
	randomBits = audit.Threshold[float64]{Name: "entropy", Default: 3.5, Max: 8, Doc: "its entropy, in bits for each letter"}
	// randomTurns is about one time of four in words that are joined.
	randomTurns = audit.Threshold[float64]{
		Name: "turns", Default: 0.4, Max: 1, Doc: "how often small letters, capitals and digits alternate in it",
	}
)

// isRandom reports whether a value looks like a key: letters of both cases, digits, and
// no order among them.
func isRandom(in *audit.Input, value string) bool {
	return len(value) >= randomMin.In(in) && len(value) <= randomMax.In(in) && coded.MatchString(value) &&
		strings.ContainsAny(value, "0123456789") && value != strings.ToLower(value) && value != strings.ToUpper(value) &&
		entropy(value) >= randomBits.In(in) && turns(value) >= randomTurns.In(in)
}

// turns is how often a letter is of another class than the one before, of all times that
// it could be.
func turns(s string) float64 {
	n := 0
	for i := 1; i < len(s); i++ {
		if class(rune(s[i])) != class(rune(s[i-1])) {
			n++
		}
	}
	return float64(n) / float64(len(s)-1)
}

func class(r rune) int {
	switch {
	case unicode.IsLower(r):
		return 0
	case unicode.IsUpper(r):
		return 1
	case unicode.IsDigit(r):
		return 2
	}
	return 3
}

// entropy is Shannon's, in bits for each byte.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
