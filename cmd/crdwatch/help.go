package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Help is made to fit the terminal, within what is comfortable to read. All that is not
// made here is written in lines of less than defaultColumns.
const (
	defaultColumns = 80
	mostColumns    = 120
)

// fitHelp wraps what is said of flags. columns is 0 where help does not go to a terminal,
// but most likely to a pager on one.
func fitHelp(root *cobra.Command, columns int) {
	columns = min(cmp.Or(columns, defaultColumns), mostColumns)
	wrapped := fmt.Sprintf(".FlagUsagesWrapped %d |", columns)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages |", wrapped))
}

// checkTopics makes a mistake of a help topic, or a shell to complete in, that does not
// exist; cobra shows the help of the command before it, as if that had been asked for.
func checkTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return usagef(cmd, "no help for %q: %s has no such command", strings.Join(args, " "), found.CommandPath())
				}
				return nil
			}
		case "completion":
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usagef(cmd, "no completion for %q: the shells are bash, fish, powershell and zsh", args[0])
				}
				return nil
			}
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}
