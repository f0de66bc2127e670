package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompletion: a shell offers what a flag takes, and no files where none are meant.
func TestCompletion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	config := "{apiVersion: v1, kind: Config, contexts: [{name: prod, context: {}}, {name: dev, context: {}}, {name: prod-eu, context: {}}]}"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
	for args, want := range map[string]string{
		"audit -o ":                     "table wide json sarif junit openreports",
		"audit --fail-on ":              "none critical high medium low info",
		"audit --explain CR00":          "CR001 CR002 CR003 CR004 CR005 CR006 CR007 CR008 CR009",
		"audit --rules CRD001,META":     "CRD001,META001",
		"audit --skip-rules CR001,CR00": "CR001,CR002 CR001,CR003 CR001,CR004 CR001,CR005 CR001,CR006 CR001,CR007 CR001,CR008 CR001,CR009",
		"audit --reports-api ":          "openreports.io/v1alpha1 wgpolicyk8s.io/v1alpha2",
		"crds -o ":                      "table wide json yaml name",
		"watch -o ":                     "text wide jsonl yaml",
		"watch --context pr":            "prod prod-eu",
		"history --type ":               "ADDED MODIFIED DELETED GAP FINDING",
		"store check -o ":               "text json",
		"--color ":                      "auto always never",
		"serve --log-level ":            "debug info warn error",
	} {
		var stdout, stderr bytes.Buffer
		words := strings.Split("__complete "+args, " ")
		run(t.Context(), words, strings.NewReader(""), &stdout, &stderr)
		var offered []string
		lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
		for _, line := range lines[:len(lines)-1] {
			value, _, _ := strings.Cut(line, "\t")
			offered = append(offered, value)
		}
		if got := strings.Join(offered, " "); got != want || lines[len(lines)-1] == ":0" {
			t.Errorf("%s: %q (%s), want %q; %s", args, got, lines[len(lines)-1], want, stderr.String())
		}
	}
}
