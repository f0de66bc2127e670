package audit

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzReadConfig: a file is a configuration, or is refused by its name.
func FuzzReadConfig(f *testing.F) {
	for _, s := range []string{
		"", "ignore:\n- rule: CR004\n  reason: x\n  expires: 2027-03-01\n", "severity: {CR015: info}\n", "rules: {CR004: {after: 30m}}\n",
		"ignore: [a]\n", "ignore: *x\n", "a: &a [*a]\n", "ignore:\n- rule: \"[\"\n  reason: x\n", "rules: {\"*\": {grace: 1d}}\n", "\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ReadConfig(bytes.NewReader(text), "audit.yaml")
		if err != nil && !strings.Contains(err.Error(), "audit.yaml") {
			t.Error(err)
		}
		if err == nil && c == nil {
			t.Error("nothing, and no error")
		}
	})
}
