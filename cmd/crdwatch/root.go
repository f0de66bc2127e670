package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/klog/v2"
)

// streams are the standard streams of the program.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// globals are the flags that every command shares.
type globals struct {
	streams    *streams
	screen     *screen
	connection *genericclioptions.ConfigFlags
	logLevel   string
	logFormat  string
	quiet      bool
	color      string
	log        *slog.Logger
}

func newRootCommand(s *streams) *cobra.Command {
	g := &globals{streams: s, connection: genericclioptions.NewConfigFlags(true)}
	root := &cobra.Command{
		Use:   "crdwatch",
		Short: "Watch and audit every custom resource of a Kubernetes cluster",
		Long: `crdwatch watches every custom resource of a Kubernetes cluster, whatever its
type, and says of every change: which object, which fields, the old and the new
value, and which manager wrote them.

It learns the types from the cluster's CustomResourceDefinitions while it runs,
only reads, and needs no configuration.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return g.setUp(cmd)
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	flags := root.PersistentFlags()
	g.connection.AddFlags(flags)
	flags.StringVar(&g.logLevel, "log-level", "warn", "Least severe `LEVEL` of log messages to show on stderr: debug, info, warn or error")
	flags.StringVar(&g.logFormat, "log-format", "text", "Form of the log messages: text or json")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "Do not show progress")
	flags.StringVar(&g.color, "color", "auto", "When to use colours: auto, always or never (NO_COLOR is respected)")
	g.completeGlobals(root)
	root.AddCommand(newWatchCommand(g), newCRDsCommand(g), newAuditCommand(g), newHistoryCommand(g), newServeCommand(g), newRBACCommand(g),
		newStoreCommand(g), newVersionCommand(g))
	fitHelp(root, width(s.out))
	checkTopics(root)
	return root
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef(cmd, "unknown command %q: the commands are watch, crds, audit, history, serve, rbac, store, version and completion", args[0])
}

// setUp checks the shared flags and makes the logger, for client-go too.
func (g *globals) setUp(cmd *cobra.Command) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(g.logLevel)); err != nil {
		return usagef(cmd, "--log-level: unknown level %q, want debug, info, warn or error", g.logLevel)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, g.color) {
		return usagef(cmd, "--color: unknown value %q, want auto, always or never", g.color)
	}
	g.screen = &screen{}
	if _, ok := terminal(g.streams.err); ok && !g.quiet {
		g.screen.terminal = g.streams.err
	}
	logs := g.screen.over(g.streams.err)
	opts := &slog.HandlerOptions{Level: level}
	switch g.logFormat {
	case "text":
		g.log = slog.New(slog.NewTextHandler(logs, opts))
	case "json":
		g.log = slog.New(slog.NewJSONHandler(logs, opts))
	default:
		return usagef(cmd, "--log-format: unknown format %q, want text or json", g.logFormat)
	}
	klog.SetLogger(logr.FromSlogHandler(clientGoHandler{g.log.Handler()}))
	return nil
}

// addFlags adds the flags that select resources and objects.
func (s *selection) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&s.labels, "selector", "l", "", "Only objects whose labels match this `SELECTOR`, as in kubectl")
	flags.StringArrayVar(&s.groups, "group", nil, "Only types whose plural.group matches this `GLOB`; can be repeated")
	flags.StringArrayVar(&s.excludes, "exclude", nil, "No types whose plural.group matches this `GLOB`; can be repeated")
}

// noArgs is cobra.NoArgs as a usage error.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(cmd, "%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo()
			_, err := fmt.Fprintf(g.streams.out, "crdwatch %s (commit %s, %s)\n", b.Version, b.Commit, b.Go)
			return err
		},
	}
}
