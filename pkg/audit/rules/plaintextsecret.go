package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

func plaintextSecret() audit.Rule {
	return audit.Rule{
		ID: "CR008", Name: "plaintext-secret", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR008"),
		Remediation: "Put the value into a Secret and refer to it from here; then change it, because everybody who may read the object has seen it.",
		Check:       checkPlaintextSecret,
		Thresholds:  []audit.Adjustable{randomMin, randomMax, randomBits, randomTurns},
	}
}

var (
	// secretKey matches names of fields whose value is a secret itself. Redaction, which
	// knows what a name can mean (diff.Schema.Redact), goes by wider ones: a hash too many
	// does no harm, a finding too many does. So "privateKey" is not among them, which may be
	// the path of a file; for "secret" see isSecretName.
	secretKey = regexp.MustCompile(`(?i)(passwo?rds?|passwd|passphrase|[a-z0-9_.-]pwd|token|api[-_]?key|secret[-_]?key|secret[-_]?access[-_]?key|(client|consumer|hmac|shared|webhook)[-_]?secret|connection[-_]?string|pre[-_]?shared[-_]?key|psk|^(proxy-)?authorization)$`)

	// notSecret matches names that end like one of a secret and are none.
	notSecret = regexp.MustCompile(`(?i)(page|continue|next|sync|cancel|csrf|xsrf|design|public|promotion|demotion|challenge|resume|start|stop|end|delimiter|separator)[-_]?token$|(generate|update|use|has|from|existing|require|allow|enable|disable|force|rotate|encrypted|hashed|sealed)[-_]?(secret|password|token|authorization)s?$`)

	// secretObject matches descriptions of fields that name a Secret, as Traefik's
	// basicAuth.secret does.
	secretObject = regexp.MustCompile(`(?i)\bnames? of\b|\b(k8s|kubernetes) secrets?\b|\bsecret (name|resource|object|reference)\b`)

	// harmless matches descriptions of fields that hold no secret, whatever their name:
	// they name it, say where it is, or have its hash. That of a real one may well advise
	// to use a Secret instead.
	harmless = regexp.MustCompile(`(?i)\bnames? of (the|a|an|some)\b[^.]{0,60}\b(secrets?|cookie|header|file|key|field)\b|\bkey (in|of|within) (the|a) [^.]{0,40}\bsecret\b|\bfile ?(name|path)\b|\bpath (to|of) (the|a)\b|\bhashed\b|\bhash of\b|\bchallenge token\b|\bOCID\b`)
)

func checkPlaintextSecret(in *audit.Input) ([]audit.Finding, error) {
	if isSealed(in) {
		return nil, nil
	}
	var findings []audit.Finding
	rootNode(in).walk(func(n *node) bool {
		if isHarmlessField(in, n) {
			return false
		}
		if value, ok := n.value.(string); ok {
			if what := secretIn(in, n, value); what.text != "" {
				findings = append(findings, what.finding(n.path(), value))
			}
		}
		return true
	})
	slices.SortFunc(findings, audit.Finding.Compare)
	return findings, nil
}

// isSealed: what looks like secrets is encrypted, made for everybody to see, or a pattern
// that real ones are compared with.
func isSealed(in *audit.Input) bool {
	_, sops := in.Object.Object["sops"]
	group := in.CRD.Spec.Group
	return sops || in.Object.GetKind() == "SealedSecret" || group == "acme.cert-manager.io" || within(group, "kyverno.io")
}

// isHarmlessField: there is nothing to look for below. Of metadata only annotations are
// written by hand; the status repeats what is elsewhere, or is not for the user to move.
func isHarmlessField(in *audit.Input, n *node) bool {
	if n.field == "" {
		return false
	}
	switch depth := n.depth(); {
	case depth == 1:
		return slices.Contains([]string{"apiVersion", "kind", "status"}, n.field)
	case depth == 2 && n.parent.field == "metadata":
		return n.field != "annotations"
	case n.field == "template" && within(in.CRD.Spec.Group, "external-secrets.io"):
		return true // how a Secret is to be made of what is fetched
	}
	// The names of cookies and headers are no secrets.
	return n.field == "encryptedData" || strings.HasSuffix(strings.ToLower(n.field), "names")
}

// clue is what makes a string a secret. Its text is empty if nothing does.
type clue struct {
	text string
	// severity is that of the rule when it is zero.
	severity audit.Severity
}

// finding never shows the value, only its hash.
func (c clue) finding(path, value string) audit.Finding {
	f := audit.Finding{Path: path, Severity: c.severity, Summary: "a secret stands here in plain text: " + c.text}
	f.Message = fmt.Sprintf("%s (%s)", f.Summary, diff.Mask(value))
	return f
}

// secretIn says what makes a string a secret.
func secretIn(in *audit.Input, n *node, value string) clue {
	name, pair := secretName(n)
	if !diff.IsMask(value) {
		return secretValue(in, name, value)
	}
	s := n.schema()
	if s != nil && s.ValueValidation != nil && s.ValueValidation.Format == "password" {
		return clue{text: "the schema calls it a password"}
	}
	description := ""
	if s != nil {
		description = s.Description
	}
	// As a field, authorization says how; as a header or a variable, it is a credential.
	if strings.EqualFold(name, "authorization") && !pair || !isSecretName(name, description) || harmless.MatchString(description) {
		return clue{}
	}
	if pair {
		return clue{text: fmt.Sprintf("the name %q says that it is a secret", name)}
	}
	return clue{text: "its name says that it is a secret"}
}

// isSecretName: what is just called a secret is most often the name of a Secret, and
// counts only where the description is there to say otherwise.
func isSecretName(name, description string) bool {
	if notSecret.MatchString(name) {
		return false
	}
	return secretKey.MatchString(name) ||
		strings.HasSuffix(strings.ToLower(name), "secret") && description != "" && !secretObject.MatchString(description)
}

// secretName is the name that tells what a value is: that of its field, or in a pair of
// name and value, like an environment variable or a header, what the pair names.
func secretName(n *node) (name string, pair bool) {
	if n.field != "value" && n.field != "default" {
		return n.name(), false
	}
	beside := n.beside()
	return cmp.Or(text(beside, "name"), text(beside, "key")), true
}
