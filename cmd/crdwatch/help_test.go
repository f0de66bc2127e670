package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpFits: the help of every command can be read in 80 columns.
func TestHelpFits(t *testing.T) {
	n := 0
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		n++
		path := strings.Fields(cmd.CommandPath())[1:]
		if len(path) > 0 && path[0] == "completion" {
			return // cobra's own
		}
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append(path, "--help"), strings.NewReader(""), &stdout, &stderr); code != exitDone || stderr.Len() > 0 {
			t.Errorf("%q: exit code %d, stderr %q", path, code, stderr.String())
		}
		for line := range strings.Lines(stdout.String()) {
			if columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); columns > 80 {
				t.Errorf("help of %q: %d columns: %s", path, columns, line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand(&streams{}))
	if n < 10 {
		t.Errorf("only %d commands", n)
	}
}

// TestUnknownTopics: what does not exist is a mistake, not a reason to show something else.
func TestUnknownTopics(t *testing.T) {
	for args, want := range map[string]string{
		"help nope":       `no help for "nope": crdwatch has no such command`,
		"help store nope": `no help for "store nope": crdwatch store has no such command`,
		"completion tcsh": `no completion for "tcsh": the shells are bash, fish, powershell and zsh`,
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(args), strings.NewReader(""), &stdout, &stderr)
		if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout.String(), stderr.String(), want)
		}
	}
	for _, args := range []string{"help audit", "help store check", "help", "completion", "completion bash"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), strings.NewReader(""), &stdout, &stderr); code != exitDone || stdout.Len() == 0 {
			t.Errorf("%s: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
}
