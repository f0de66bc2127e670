package main

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
)

// TestMutantsApply: each is a bug in the code as it is now, and not something that
// does not compile. make mutants shows that the tests find them.
func TestMutantsApply(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			if names[m.name] || m.why == "" || m.old == m.new {
				t.Error("it has the name of another, no reason, or no effect")
			}
			names[m.name] = true
			overlay, err := m.overlay(root, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := m.compiles(t.Context(), root, overlay); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReason(t *testing.T) {
	for name, test := range map[string]struct {
		out, want string
	}{
		"a word":  {"=== RUN\n    x_test.go:12: 3 writes\n    x_test.go:13: exit 1, want 2\n--- FAIL: TestX (0.1s)\nFAIL\n", "exit 1, want 2"},
		"a panic": {"--- FAIL: TestX (0.1s)\npanic: nil map\n", ""},
		"a hang":  {"\npanic: test timed out after 10m\n", ""},
		"nothing": {"FAIL\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reason(test.out)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("%q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// TestMutantsAreDocumented: docs/RELIABILITY.md names each bug, and the test that finds it.
func TestMutantsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants() {
		row := fmt.Sprintf("| %s | %s | `%s` `%s` |", m.name, m.why, path.Join(m.by.module, m.by.pkg), strings.Trim(m.by.run, "^$"))
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/RELIABILITY.md has no row\n%s", row)
		}
	}
}
