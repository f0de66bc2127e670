package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
)

// TestDocsAreInStep fails when a rule was changed and docs/rules was not made anew.
func TestDocsAreInStep(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "docs", "rules")
	if d := cmp.Diff(texts(render(rules.All())), read(t, dir)); d != "" {
		t.Errorf("docs/rules is out of step; run make generate (-want +got):\n%s", d)
	}
}

func TestWriteRemovesPagesOfRulesThatAreNoMore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "docs", "rules")
	rule := audit.Rule{ID: "CR001", Name: "some-name", Severity: audit.Low, About: audit.AboutObject, Live: true,
		Doc: "# CR001 some-name\n\nFinds a | b,\nand c.\n\n## Why it hurts\n\nIt does.\n"}
	old := rule
	old.ID = "CR000"
	if err := write(dir, render([]audit.Rule{old, rule})); err != nil {
		t.Fatal(err)
	}
	want := render([]audit.Rule{rule})
	if err := write(dir, want); err != nil {
		t.Fatal(err)
	}
	got := read(t, dir)
	if d := cmp.Diff(texts(want), got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if line := "| [CR001](CR001.md) | some-name | low | for each object, by `crdwatch serve` | Finds a \\| b, and c. |\n"; !strings.Contains(got["README.md"], line) {
		t.Errorf("the index lacks %q:\n%s", line, got["README.md"])
	}
	if begin := "\n# CR001 some-name\n\nSeverity: **low**. Checked for each object, by `crdwatch serve`. [All rules](README.md)\n\nFinds"; !strings.Contains(got["CR001.md"], begin) {
		t.Errorf("the page lacks %q:\n%s", begin, got["CR001.md"])
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(nil, &stderr); code != 2 || !strings.Contains(stderr.String(), "usage") {
		t.Errorf("without a directory: %d %s", code, stderr.String())
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	stderr.Reset()
	if code := run([]string{file}, &stderr); code != 1 || !strings.Contains(stderr.String(), "writing the pages") {
		t.Errorf("with a file for a directory: %d %s", code, stderr.String())
	}
}

func texts(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, text := range files {
		out[name] = string(text)
	}
	return out
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = string(text)
	}
	return out
}
