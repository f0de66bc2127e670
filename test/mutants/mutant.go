package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is a bug that once could have been, or was: one text of one file replaced by
// another.
type mutant struct {
	name string
	// why says what the bug does to the history.
	why string
	// file is relative to the repository.
	file     string
	old, new string
	// by is the test that must fail because of it.
	by check
}

// check is a test, or several.
type check struct {
	// module and pkg say where: "." or "test", and a package of it.
	module, pkg string
	// run is the tests' regular expression.
	run string
	// args are given to the tests.
	args []string
	// program: it is the program that has the bug, and not the tests, which run it.
	program bool
}

func (c check) String() string {
	return strings.Join(append([]string{filepath.Join(c.module, c.pkg), c.run}, c.args...), " ")
}

// overlay writes the file with the bug into dir, and beside it what go build's
// -overlay reads, whose path it returns. Nothing in the repository is touched.
func (m *mutant) overlay(root, dir string) (string, error) {
	path := filepath.Join(root, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading what %q changes: %w", m.name, err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("the mutant %q no longer applies: its text is %d times in %s, want once:\n%s", m.name, n, m.file, m.old)
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// compiles checks that the file's package is one with the bug, too.
func (m *mutant) compiles(ctx context.Context, root, overlay string) error {
	return goTool(ctx, root, "build", "-overlay", overlay, "./"+filepath.Dir(m.file))
}

// goTool runs go in a directory.
func goTool(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// repository is where this was called in or below, by its Makefile.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "Makefile")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("finding the repository: no Makefile above the working directory")
		}
		dir = parent
	}
}
