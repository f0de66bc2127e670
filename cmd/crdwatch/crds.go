package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func newCRDsCommand(g *globals) *cobra.Command {
	var s selection
	var output string
	cmd := &cobra.Command{
		Use:     "crds [TYPE...]",
		Aliases: []string{"crd"},
		Short:   "Show the inventory: CRDs, versions, object counts, watch state",
		Long: `Show every custom resource type of the cluster with its versions, the number of
its objects, and whether it can be watched. The objects are counted, not read:
STATE is what the API server answers to a LIST of the type now.`,
		Example: `  crdwatch crds
  crdwatch crds --group '*.crossplane.io' -o wide
  crdwatch crds -o json | jq '.items[] | select(.state != "Synced")'`,
		ValidArgsFunction: g.completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.types, s.namespace = args, *g.connection.Namespace
			if !slices.Contains(report.ResourceFormats(), output) {
				return usagef(cmd, "--output: unknown format %q, want one of: %s", output, strings.Join(report.ResourceFormats(), ", "))
			}
			if err := s.validate(); err != nil {
				return usagef(cmd, "%w", err)
			}
			if i := slices.IndexFunc(args, func(t string) bool { return strings.Contains(t, "/") }); i >= 0 {
				return usagef(cmd, "%q: crds takes TYPE, not TYPE/NAME", args[i])
			}
			return g.crds(cmd.Context(), &s, output)
		},
	}
	s.addFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", report.Table, "Output format: "+strings.Join(report.ResourceFormats(), ", "))
	choices(cmd, "output", report.ResourceFormats()...)
	return cmd
}

func (g *globals) crds(ctx context.Context, s *selection, output string) error {
	clients, err := g.connect(ctx)
	if err != nil {
		return err
	}
	set, err := watch.ListCRDs(ctx, clients)
	if err != nil {
		return err
	}
	chosen, err := s.resolve(set)
	if err != nil {
		return err
	}
	statuses, err := watch.Survey(ctx, clients, set, chosen.selector)
	if err != nil {
		return err
	}
	if len(statuses) == 0 && !g.quiet {
		fmt.Fprintln(g.streams.err, "no custom resource types found")
	}
	opts := report.ResourceOptions{Palette: g.palette(g.streams.out), Width: width(g.streams.out), Now: time.Now()}
	if err := report.PrintResources(g.streams.out, output, report.NewResourceList(statuses), opts); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// completeTypes completes TYPE with the names of the cluster's types.
func (g *globals) completeTypes(cmd *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	clients, err := g.connect(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	set, err := watch.ListCRDs(ctx, clients)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, r := range set.Sorted() {
		if strings.HasPrefix(r.CRD, toComplete) {
			names = append(names, r.CRD+"\t"+r.Kind)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
