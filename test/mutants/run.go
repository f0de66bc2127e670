package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// timeLimit ends a test that hangs. It is not what a mutant is to be found by.
const timeLimit = "10m"

// laboratory runs checks, with a bug and without.
type laboratory struct {
	root, dir string
}

// outcome is what came of a check.
type outcome struct {
	failed bool
	// reason is the first line that says why.
	reason string
	took   time.Duration
}

// build makes the test's binary, and the program's if the test needs one. The overlay
// may be empty. An error says that something does not compile.
func (l *laboratory) build(ctx context.Context, c check, overlay string) (test, program string, err error) {
	var flags []string
	if overlay != "" {
		flags = []string{"-overlay", overlay}
	}
	test, program = filepath.Join(l.dir, "checks.test"), filepath.Join(l.dir, "crdwatch")
	ofTest := flags
	if c.program {
		ofTest = nil
		args := append([]string{"build"}, append(flags, "-o", program, "./cmd/crdwatch")...)
		if err := goTool(ctx, l.root, args...); err != nil {
			return "", "", err
		}
	}
	args := append([]string{"test", "-c"}, append(ofTest, "-o", test, "./"+c.pkg)...)
	return test, program, goTool(ctx, filepath.Join(l.root, c.module), args...)
}

// try runs a check. An error says that it could not be found out whether it fails.
func (l *laboratory) try(ctx context.Context, c check, overlay string) (outcome, error) {
	test, program, err := l.build(ctx, c, overlay)
	if err != nil {
		return outcome{}, err
	}
	args := append([]string{"-test.run", c.run, "-test.v", "-test.count", "1", "-test.timeout", timeLimit}, c.args...)
	cmd := exec.CommandContext(ctx, test, args...)
	cmd.Dir = filepath.Join(l.root, c.module, c.pkg)
	cmd.Env = append(os.Environ(), "CRDWATCH_BINARY="+program)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err = cmd.Run()
	o := outcome{took: time.Since(began)}
	var exit *exec.ExitError
	switch {
	case err == nil && !strings.Contains(out.String(), "--- PASS: "):
		return o, fmt.Errorf("running %s: there is no such test\n%s", c, &out)
	case err == nil:
		return o, nil
	case !errors.As(err, &exit):
		return o, fmt.Errorf("running %s: %w", c, err)
	}
	o.failed = true
	if o.reason, err = reason(out.String()); err != nil {
		return o, fmt.Errorf("running %s: %w\n%s", c, err, &out)
	}
	return o, nil
}

// said begins what a test says, with its place.
var said = regexp.MustCompile(`^\s+\w+_test\.go:\d+: `)

// verdicts are words by which a complaint is told from what a test logs.
var verdicts = regexp.MustCompile(`want|not what was written|waiting|lost|differ|nobody|exit`)

// reason returns what a test said before it failed; an error if it did not say
// anything, but crashed or hung.
func reason(out string) (string, error) {
	if strings.Contains(out, "\npanic: ") || !strings.Contains(out, "--- FAIL: ") {
		return "", errors.New("it ended without a test that failed")
	}
	var words string
	lines := strings.Split(out, "\n")
	for i, line := range lines {
		if !said.MatchString(line) {
			continue
		}
		words = said.ReplaceAllString(line, "")
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "        ") && !said.MatchString(lines[i+1]) {
			words += " " + strings.TrimSpace(lines[i+1])
		}
		if verdicts.MatchString(words) {
			break
		}
	}
	if words == "" {
		return "", errors.New("it failed without a word")
	}
	return words, nil
}
