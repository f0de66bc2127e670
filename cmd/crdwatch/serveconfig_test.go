package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestServeConfig(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		text string
		want string // an error, or the values
	}{
		"values":               {nil, "address: :1\nglob: [a, b]\non: false\n", "address=:1 glob=[a,b] on=false"},
		"one of a list":        {nil, "glob: a\n", "address=d glob=[a] on=true"},
		"flags count first":    {[]string{"--address", ":2", "--glob", "c"}, "address: :1\nglob: [a, b]\n", "address=:2 glob=[c] on=true"},
		"empty":                {nil, "", "address=d glob=[] on=true"},
		"nothing but words":    {nil, "# nothing\n", "address=d glob=[] on=true"},
		"a number as a text":   {nil, "address: 8080\n", "address=8080 glob=[] on=true"},
		"unknown":              {nil, "\nreport-adr: x\n", "FILE:2: report-adr: there is no such flag of crdwatch serve"},
		"itself":               {nil, "config: x\n", "FILE:1: config: there is no such flag"},
		"no value":             {nil, "address:\n", "FILE:1: address: want a value"},
		"a mapping":            {nil, "address: {a: b}\n", "FILE:1: address: want a value"},
		"a list for one":       {nil, "address: [a]\n", "FILE:1: address: it takes one value, not a list"},
		"a list of lists":      {nil, "glob: [[a]]\n", "FILE:1: glob: want a list of simple values"},
		"not a bool":           {nil, "on: perhaps\n", `FILE:1: on: invalid argument "perhaps"`},
		"twice":                {nil, "address: a\naddress: b\n", "FILE:2: address is there twice"},
		"not a mapping":        {nil, "- a\n", "FILE:1: want a mapping of flags to values"},
		"not YAML":             {nil, "a: [\n", "FILE: yaml:"},
		"bad, and given":       {[]string{"--address", ":2"}, "address: [a]\n", "FILE:1: address: it takes one value"},
		"help is not for it":   {nil, "help: true\n", "FILE:1: help: there is no such flag"},
		"quoted like a string": {nil, "on: \"false\"\n", "address=d glob=[] on=false"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "serve.yaml")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			address := flags.String("address", "d", "")
			globs := flags.StringArray("glob", nil, "")
			on := flags.Bool("on", true, "")
			flags.Bool("help", false, "")
			if err := flags.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			if err := readServeConfig(flags, file); err != nil {
				if got := strings.ReplaceAll(err.Error(), file, "FILE"); !strings.HasPrefix(got, "--config: "+test.want) {
					t.Errorf("%s, want %s", got, test.want)
				}
				return
			}
			got := "address=" + *address + " glob=[" + strings.Join(*globs, ",") + "] on=" + map[bool]string{true: "true", false: "false"}[*on]
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestServeConfigIsUsed: by the program, for shared flags too, and what it has is checked
// as if it had been given.
func TestServeConfigIsUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serve.yaml")
	for text, want := range map[string]string{
		"auth: basic\n":       `--auth: unknown value "basic"`,
		"log-level: loud\n":   `--log-level: unknown level "loud"`,
		"max-size: 1Gi\n":     "--max-size: has no meaning without --data-dir",
		"kubeconfig: /none\n": "/none",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		code := run(t.Context(), []string{"serve", "--config", file}, strings.NewReader(""), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: exit %d, %s", text, code, stderr.String())
		}
	}
}
