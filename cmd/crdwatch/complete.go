package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// choices completes a flag with one of some values; a description may follow each after a
// tab.
func choices(cmd *cobra.Command, flag string, values ...string) {
	// It fails for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeGlobals completes the flags that every command has.
func (g *globals) completeGlobals(root *cobra.Command) {
	choices(root, "color", "auto", "always", "never")
	choices(root, "log-level", "debug", "info", "warn", "error")
	choices(root, "log-format", "text", "json")
	_ = root.RegisterFlagCompletionFunc("context", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		raw, err := g.connection.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for name := range raw.Contexts {
			if strings.HasPrefix(name, begun) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeRules completes the flags of audit that name rules and severities.
func completeRules(cmd *cobra.Command) {
	all := rules.All()
	described := make([]string, 0, len(all))
	for i := range all {
		described = append(described, all[i].ID+"\t"+all[i].Name)
	}
	_ = cmd.RegisterFlagCompletionFunc("explain", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return completeList(described, begun), cobra.ShellCompDirectiveNoFileComp
	})
	for _, flag := range []string{"rules", "skip-rules"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			return completeList(described, begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
	}
	severities := []string{never}
	for _, s := range audit.Severities() {
		severities = append(severities, s.String())
	}
	choices(cmd, "fail-on", severities...)
}

// completeList completes the last item of a list with commas.
func completeList(values []string, begun string) []string {
	done := begun[:strings.LastIndex(begun, ",")+1]
	var found []string
	for _, v := range values {
		id, _, _ := strings.Cut(v, "\t")
		if strings.HasPrefix(id, begun[len(done):]) && !slices.Contains(strings.Split(done, ","), id) {
			found = append(found, done+v)
		}
	}
	return found
}

func eventTypes() []string {
	var types []string
	for _, t := range watch.EventTypes() {
		types = append(types, string(t))
	}
	return types
}
