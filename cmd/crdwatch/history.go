package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// historyOptions are the flags of crdwatch history, and what follows from them.
type historyOptions struct {
	*globals
	dataDir, server string
	output          string
	since, until    string
	typ             string
	limit           int
	allowPartial    bool
	// subject is the TYPE that was asked for, and filter all the rest.
	subject string
	filter  report.Filter
}

func newHistoryCommand(g *globals) *cobra.Command {
	o := &historyOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "history TYPE/NAME",
		Short: "Show the timeline of one object, from a data directory or server",
		Long: `Show what happened to one object, oldest first: which fields changed, the old
and the new value, and the field manager that wrote them. A GAP stands where
changes of the object's type may be missing.

The history is read from the data directory of crdwatch serve, while the server
runs or not, or from the server's report endpoint. Neither needs the cluster.

TYPE is a plural, singular, kind, short name, plural.group or
plural.version.group, as in kubectl; a server knows no short names. The
plural.group of a type whose CRD was deleted still finds what happened to its
objects. Without -n, NAME means the objects of this name in all namespaces.

Exit codes: 0 the timeline is shown, be it empty, 2 it could not be read, 3
events in it are damaged and could not be shown.`,
		Example: `  # From the data directory of a server
  crdwatch history certificates/tls-main -n web --data-dir /var/lib/crdwatch

  # From the server itself: what one manager did to the spec within a day
  crdwatch history certificates/tls-main --server http://127.0.0.1:8080 \
    --manager kubectl-edit --spec-only --since 24h

  # The last ten changes, for a program
  crdwatch history cert/tls --data-dir /var/lib/crdwatch --limit 10 -o jsonl`,
		ValidArgsFunction: o.completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(args, time.Now()); err != nil {
				return usagef(cmd, "%w", err)
			}
			return o.run(cmd.Context())
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *historyOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.dataDir, "data-dir", "", "Read the history in this data directory of crdwatch serve")
	// This hides kubectl's flag of the same name: the API server is not needed here.
	flags.StringVar(&o.server, "server", "", "Read from the report endpoint at this URL, for example http://127.0.0.1:8080")
	flags.StringVarP(&o.output, "output", "o", report.Text, "Output format: "+strings.Join(report.EventFormats(), ", "))
	flags.StringVar(&o.since, "since", "", "Only events since this time (RFC 3339), or this long ago, for example 90m or 7d")
	flags.StringVar(&o.until, "until", "", "Only events before this time, in the same forms")
	flags.StringVar(&o.filter.Manager, "manager", "", "Only changes by this field manager")
	flags.StringVar(&o.typ, "type", "", "Only events of this type: ADDED, MODIFIED, DELETED, GAP or FINDING")
	flags.IntVar(&o.limit, "limit", 0, "Only the newest events, this many")
	flags.BoolVar(&o.filter.IgnoreStatus, "ignore-status", false, "Do not show changes of status")
	flags.BoolVar(&o.filter.SpecOnly, "spec-only", false, "Show changes of spec only")
	flags.BoolVar(&o.allowPartial, "allow-partial", false, "End with exit code 0 even if damaged events could not be shown")
	choices(cmd, "output", report.EventFormats()...)
	choices(cmd, "type", eventTypes()...)
	_ = cmd.MarkFlagDirname("data-dir") // fails for a flag that does not exist
}

// parse finds the mistakes that need no history.
func (o *historyOptions) parse(args []string, now time.Time) error {
	if err := o.parseSubject(args); err != nil {
		return err
	}
	if err := o.parseSource(); err != nil {
		return err
	}
	switch {
	case !slices.Contains(report.EventFormats(), o.output):
		return fmt.Errorf("--output: unknown format %q, want one of: %s", o.output, strings.Join(report.EventFormats(), ", "))
	case o.limit < 0:
		return fmt.Errorf("--limit: %d is negative", o.limit)
	}
	return o.parseFilter(now)
}

func (o *historyOptions) parseSubject(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("name an object as TYPE/NAME, for example certificates/tls-main")
	case len(args) == 2 && !strings.Contains(args[0]+args[1], "/"):
		return fmt.Errorf("history takes one object as TYPE/NAME: did you mean %s/%s?", args[0], args[1])
	case len(args) > 1:
		return fmt.Errorf("history takes one object, got %d", len(args))
	}
	typ, name, _ := strings.Cut(args[0], "/")
	if typ == "" || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%q is not TYPE/NAME, for example certificates/tls-main (the namespace goes into -n)", args[0])
	}
	o.subject, o.filter.Name, o.filter.Namespace = typ, name, *o.connection.Namespace
	return nil
}

func (o *historyOptions) parseSource() error {
	switch {
	case o.dataDir == "" && o.server == "":
		return errors.New("say where the history is: --data-dir DIR of crdwatch serve, or --server URL of its report endpoint")
	case o.dataDir != "" && o.server != "":
		return errors.New("--data-dir and --server exclude each other: a timeline is read from one of them")
	case o.server == "":
		return nil
	}
	u, err := url.Parse(o.server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--server: %q is no URL of a report endpoint, for example http://127.0.0.1:8080", o.server)
	}
	return nil
}

func (o *historyOptions) parseFilter(now time.Time) (err error) {
	o.filter.Type = watch.EventType(strings.ToUpper(o.typ))
	if o.typ != "" && !slices.Contains(watch.EventTypes(), o.filter.Type) {
		return fmt.Errorf("--type: unknown type %q, want ADDED, MODIFIED, DELETED, GAP or FINDING", o.typ)
	}
	if o.filter.Since, err = parseMoment(o.since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if o.filter.Until, err = parseMoment(o.until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if !o.filter.Until.IsZero() && o.filter.Until.Before(o.filter.Since) {
		return errors.New("--until is before --since")
	}
	return nil
}

// parseMoment reads a time as the HTTP API does, an RFC 3339 time or how long ago, and
// takes days too. Nothing is the zero time.
func parseMoment(value string, now time.Time) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if ago, err := parseAgo(value); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither an RFC 3339 time nor a duration before now, for example 2026-11-22T12:00:00Z, 90m or 7d", value)
	}
	return t, nil
}

func parseAgo(value string) (time.Duration, error) {
	const day, most = 24 * time.Hour, 100_000 // days, which a Duration can hold
	days, rest, ok := strings.Cut(value, "d")
	if !ok {
		return time.ParseDuration(value)
	}
	n, err := strconv.ParseUint(days, 10, 64)
	if err != nil || n > most {
		return 0, fmt.Errorf("%q is no number of days", days)
	}
	ago := time.Duration(n) * day
	if rest == "" {
		return ago, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more > day {
		return 0, fmt.Errorf("%q is no part of a day", rest)
	}
	return ago + more, nil
}

// open opens where the history is.
func (o *historyOptions) open(ctx context.Context) (historySource, error) {
	if o.dataDir != "" {
		return openHistoryDir(ctx, o.dataDir)
	}
	return o.newHistoryServer()
}

// completeTypes completes TYPE with what the history knows, once it is said where it is.
func (o *historyOptions) completeTypes(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || strings.Contains(toComplete, "/") || o.parseSource() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	src, err := o.open(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer src.close()
	known, err := src.resources(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, r := range known {
		if strings.HasPrefix(r.CRD, toComplete) {
			names = append(names, r.CRD+"/\t"+r.Kind)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
