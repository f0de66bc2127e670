package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func plaintextSecret() audit.Rule {
	return audit.Rule{
		ID: "CR008", Name: "plaintext-secret", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR008"),
		Remediation: "Put the value into a Secret and refer to it from here; then change it, because everybody who may read the object has seen it.",
		Check:       checkPlaintextSecret,
	}
}

// secretKey matches names of fields whose value is a secret itself. Redaction goes by
// wider names: a hash too many does no harm, a finding too many does. So "secret" is not
// among them, which is most often the name of a Secret, nor is "privateKey", which may be
// the path of a file.
var secretKey = regexp.MustCompile(`(?i)(^|[a-z0-9_.-])(passwo?rd|passwd|passphrase|token|api[-_]?key|secret[-_]?key|secret[-_]?access[-_]?key|client[-_]?secret|connection[-_]?string)$`)

// notSecret matches names that end like one of a secret and are none.
var notSecret = regexp.MustCompile(`(?i)(page|continue|next|sync|cancel|csrf|design|public|promotion)[-_]?token$|(generate|update|use|has|from|existing)[-_]?(secret|password|token)$`)

// secretValues are what a value looks like that is a secret whatever its name.
var secretValues = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
	{"an AWS access key", regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a GitHub token", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b`)},
	{"a JSON web token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)},
	{"a Slack token", regexp.MustCompile(`\bxox[abprs]-[0-9A-Za-z-]{20,}\b`)},
}

func checkPlaintextSecret(in *audit.Input) ([]audit.Finding, error) {
	if kind := in.Object.GetKind(); kind == "SealedSecret" || kind == "Challenge" { // of ACME: everybody may see its token
		return nil, nil
	}
	var root *schema.Structural
	if _, version, ok := strings.Cut(in.Object.GetAPIVersion(), "/"); ok {
		if v := in.CRD.Version(version); v != nil {
			root, _ = v.Structural() // without one, names and values still tell
		}
	}
	w := secretWalk{}
	for _, section := range []string{"spec", "data"} {
		if value, ok := in.Object.Object[section]; ok {
			w.value("."+section, section, value, propertyOf(root, section))
		}
	}
	slices.SortFunc(w.findings, audit.Finding.Compare)
	return w.findings, nil
}

// secretWalk looks at each string of an object.
type secretWalk struct{ findings []audit.Finding }

func (w *secretWalk) value(path, key string, value any, s *schema.Structural) {
	switch v := value.(type) {
	case map[string]any:
		for name, child := range v {
			// The names of cookies and headers are no secrets.
			if name != "encryptedData" && !strings.HasSuffix(strings.ToLower(name), "names") {
				w.value(path+"."+name, name, child, propertyOf(s, name))
			}
		}
	case []any:
		for i, child := range v {
			w.value(fmt.Sprintf("%s[%d]", path, i), key, child, itemOf(s))
		}
	case string:
		if what := secretIn(key, v, s); what != "" {
			w.add(path, v, what)
		}
	}
}

// secretIn says what a string is, or nothing.
func secretIn(key, value string, s *schema.Structural) string {
	if audit.IsRedacted(value) {
		switch {
		case s != nil && s.ValueValidation != nil && s.ValueValidation.Format == "password":
			return "the schema calls it a password"
		case secretKey.MatchString(key) && !notSecret.MatchString(key) && !namesObject(key, s):
			return "its name says that it is a secret"
		}
		return ""
	}
	for _, p := range secretValues {
		if p.pattern.MatchString(value) {
			return "it holds " + p.what
		}
	}
	return ""
}

// secretObject matches descriptions of fields that name a Secret, as Traefik's
// basicAuth.secret does.
var secretObject = regexp.MustCompile(`(?i)\bnames? of (the|a|an|some)\b[^.]{0,60}\bsecrets?\b|\b(k8s|kubernetes) secrets?\b|\bsecret (name|resource|object|reference)\b`)

// namesObject: by the schema, the value is the name of a Secret and none itself. The
// description of a token may well advise to use a Secret instead, and does not count.
func namesObject(key string, s *schema.Structural) bool {
	return s != nil && strings.HasSuffix(strings.ToLower(key), "secret") && secretObject.MatchString(s.Description)
}

func (w *secretWalk) add(path, value, what string) {
	f := audit.Finding{
		Path:    path,
		Message: fmt.Sprintf("a secret stands here in plain text: %s", what),
	}
	f.Summary = f.Message
	if audit.IsRedacted(value) {
		f.Message += " (" + value + ")"
	}
	w.findings = append(w.findings, f)
}

// propertyOf is the schema of a field, as far as there is one.
func propertyOf(s *schema.Structural, name string) *schema.Structural {
	if s == nil {
		return nil
	}
	if p, ok := s.Properties[name]; ok {
		return &p
	}
	if s.AdditionalProperties != nil {
		return s.AdditionalProperties.Structural
	}
	return nil
}

// itemOf is the schema of a list's items, as far as there is one.
func itemOf(s *schema.Structural) *schema.Structural {
	if s == nil {
		return nil
	}
	return s.Items
}
