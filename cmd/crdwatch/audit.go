package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/scan"
	"github.com/crdwatch/crdwatch/pkg/report"
)

// never is the --fail-on that no finding reaches.
const never = "none"

// auditOptions are the flags of crdwatch audit, and what follows from them.
type auditOptions struct {
	*globals
	selection selection
	output    string
	failOn    string

	onlyRules, skipRules []string
	listRules            bool
	explain              string

	config, baseline, writeBaseline string
	noAnnotations, allowPartial     bool

	files, against []string
	reportsAPI     string

	// threshold is that of failOn, 0 for never; rules are those to apply.
	threshold audit.Severity
	rules     []audit.Rule
	now       time.Time
	// audited is how far the audit came.
	audited scan.Progress
}

func newAuditCommand(g *globals) *cobra.Command {
	o := &auditOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "audit [TYPE...]",
		Short: "Show what is wrong with CRDs and their objects, once",
		Long: `Read all custom resources once and show what is wrong with them and with their
CRDs: data that the next write destroys, objects that cannot be deleted or
restored, broken conversion webhooks, and more. --list-rules shows everything
that is looked for.

With -f, CRDs and custom resources in files are audited instead, and no cluster
is needed; --against compares the CRDs with earlier revisions of them.

With -n or -l only objects are judged, not the CRDs, which are about all of
them. Objects exempt themselves by an annotation ignore.crdwatch.io/RULE:
"reason; until=DATE".

Exit codes: 0 no finding at or above --fail-on, 1 findings, 2 the audit could
not be made, 3 something could not be evaluated (see also --allow-partial).`,
		Example: `  crdwatch audit
  crdwatch audit certificates -n web --fail-on medium

  # In CI: CRDs of a change, against those of the main branch
  crdwatch audit -f config/crd --against main/config/crd -o sarif > crds.sarif

  # Accept what there is, and fail on new findings only
  crdwatch audit --write-baseline baseline.json
  crdwatch audit --baseline baseline.json

  crdwatch audit --explain CR004`,
		ValidArgsFunction: g.completeTypes,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.selection.types, o.selection.namespace, o.now = args, *g.connection.Namespace, time.Now()
			o.selection.files = len(o.files) > 0
			if err := o.validate(); err != nil {
				return usagef(cmd, "%w", err)
			}
			switch {
			case o.explain != "":
				return o.printRule()
			case o.listRules:
				return o.printRules()
			}
			return o.run(cmd.Context())
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *auditOptions) addFlags(cmd *cobra.Command) {
	o.selection.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", report.Table, "Output `FORMAT`: "+strings.Join(report.AuditFormats(), ", "))
	flags.StringVar(&o.failOn, "fail-on", audit.High.String(), "Least `SEVERITY` of findings that ends with exit code 1: critical, high, medium, low, info, or none")
	flags.StringSliceVar(&o.onlyRules, "rules", nil, "Apply only the rules with these `IDS`")
	flags.StringSliceVar(&o.skipRules, "skip-rules", nil, "Do not apply the rules with these `IDS`")
	flags.BoolVar(&o.listRules, "list-rules", false, "Show all rules, and end")
	flags.StringVar(&o.explain, "explain", "", "Show the page of this `RULE`, and end")
	flags.StringVar(&o.config, "config", "", "Read exemptions, severities and thresholds from this `FILE`")
	flags.StringVar(&o.baseline, "baseline", "", "Pass over the findings in this `FILE`, which --write-baseline wrote")
	flags.StringVar(&o.writeBaseline, "write-baseline", "", "Write all findings to this `FILE`")
	flags.BoolVar(&o.noAnnotations, "no-annotations", false, "Do not let objects exempt themselves by annotations")
	flags.BoolVar(&o.allowPartial, "allow-partial", false, "End with exit code 0 or 1 even if something could not be evaluated")
	flags.StringArrayVarP(&o.files, "filename", "f", nil, "Audit the manifests in this `FILE` or directory, - for the standard input; can be repeated")
	flags.StringArrayVar(&o.against, "against", nil, "Compare CRDs with earlier revisions in this `FILE` or directory; can be repeated")
	flags.StringVar(&o.reportsAPI, "reports-api", report.ReportsAPIs()[0], "`API` of -o openreports: "+strings.Join(report.ReportsAPIs(), ", "))
	completeRules(cmd)
	choices(cmd, "output", report.AuditFormats()...)
	choices(cmd, "reports-api", report.ReportsAPIs()...)
}

// validate finds the mistakes that need no cluster.
func (o *auditOptions) validate() error {
	if err := o.validateOutput(); err != nil {
		return err
	}
	if o.failOn != never {
		var err error
		if o.threshold, err = audit.ParseSeverity(o.failOn); err != nil {
			return fmt.Errorf("--fail-on: %w, %s", err, never)
		}
	}
	switch {
	case len(o.against) > 0 && len(o.files) == 0:
		return errors.New("--against compares manifests: name the new ones with -f")
	case slices.Contains(o.against, "-") && slices.Contains(o.files, "-"):
		return errors.New("-f - and --against - exclude each other: there is one standard input")
	}
	for _, t := range o.selection.types {
		if strings.Contains(t, "/") {
			return fmt.Errorf("%q: audit takes TYPE, not TYPE/NAME", t)
		}
	}
	if err := o.selection.validate(); err != nil {
		return err
	}
	return o.chooseRules()
}

func (o *auditOptions) validateOutput() error {
	formats, apis := report.AuditFormats(), report.ReportsAPIs()
	if o.listRules {
		formats = report.RuleFormats()
	}
	if !slices.Contains(formats, o.output) {
		return fmt.Errorf("--output: unknown format %q, want one of: %s", o.output, strings.Join(formats, ", "))
	}
	// The group alone means the version that there is.
	i := slices.IndexFunc(apis, func(api string) bool { return api == o.reportsAPI || strings.HasPrefix(api, o.reportsAPI+"/") })
	if i < 0 {
		return fmt.Errorf("--reports-api: unknown API %q, want one of: %s", o.reportsAPI, strings.Join(apis, ", "))
	}
	o.reportsAPI = apis[i]
	return nil
}
