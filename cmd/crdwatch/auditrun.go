package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/audit/scan"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// progressEvery is the least time between two progress lines.
const progressEvery = 100 * time.Millisecond

// run audits and prints. What ends it early must not look like a clean audit.
func (o *auditOptions) run(ctx context.Context) error {
	found := audit.NewBaselineWriter()
	options, err := o.scanOptions(found)
	if err != nil {
		return err
	}
	print := o.printOptions()
	var r *audit.Report
	if len(o.files) > 0 {
		r, err = o.auditFiles(ctx, options, &print)
	} else {
		r, err = o.auditCluster(ctx, options)
	}
	o.screen.show("")
	switch {
	case ctx.Err() != nil:
		return &exitError{exitIncomplete, errors.New("interrupted before everything was audited")}
	case err != nil:
		return err
	}
	return o.conclude(r, print, found)
}

// conclude writes the baseline first, and the report all the same: neither must be lost
// because the other cannot be written, or because its reader has seen enough.
func (o *auditOptions) conclude(r *audit.Report, print report.AuditOptions, found *audit.BaselineWriter) error {
	var unwritten error
	if o.writeBaseline != "" {
		unwritten = writeBaseline(o.writeBaseline, found)
	}
	if err := report.PrintAudit(o.streams.out, o.output, r, print); err != nil && !closedPipe(err) {
		return errors.Join(writing(err), unwritten)
	}
	if o.audited.Resources > 0 {
		o.say("audited %s, %s", counted(o.audited.Resources, "resource"), counted(o.audited.Objects, "object"))
	}
	switch {
	case unwritten != nil:
		return unwritten
	case o.writeBaseline != "" && r.Complete:
		o.say("wrote %s to %s", counted(found.Len(), "finding"), o.writeBaseline)
	case o.writeBaseline != "":
		o.say("wrote %s to %s, which lacks what was not evaluated", counted(found.Len(), "finding"), o.writeBaseline)
	}
	return o.exit(r)
}

// exit is the end that a report asks for.
func (o *auditOptions) exit(r *audit.Report) error {
	switch {
	case !r.Complete && !o.allowPartial:
		return &exitError{code: exitIncomplete}
	case o.threshold > 0 && r.Worst() >= o.threshold:
		return &exitError{code: exitFindings}
	}
	return nil
}

func (o *auditOptions) auditCluster(ctx context.Context, options scan.Options) (*audit.Report, error) {
	clients, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	o.screen.show("reading the CRDs") // thousands take seconds
	options.Clients, options.Answers = clients, lookup.New(clients, lookup.Options{})
	return scan.Run(ctx, options)
}

// scanOptions reads what the flags name. Findings are told to found.
func (o *auditOptions) scanOptions(found *audit.BaselineWriter) (scan.Options, error) {
	options := scan.Options{Seen: found.Add, Now: o.now, Resolve: o.resolve, Progress: o.showProgress()}
	config, err := readAuditConfig("--config", o.config)
	if err != nil {
		return options, err
	}
	if config != nil {
		if err := o.configureRules(config); err != nil {
			return options, err
		}
	}
	exemptions, err := audit.NewExemptions(config, audit.ExemptionOptions{NoAnnotations: o.noAnnotations, Rules: rules.All()})
	if err != nil {
		return options, err
	}
	baseline, err := o.readBaseline()
	if err != nil {
		return options, err
	}
	if baseline != nil {
		options.Known = baseline.Known
	}
	options.Before = exemptions.Expired(o.rules)
	options.Evaluator = audit.Evaluator{Rules: o.rules, Exempter: exemptions}
	return options, nil
}

// configureRules gives the rules what a configuration sets for them. It may name rules
// that are not applied now.
func (o *auditOptions) configureRules(config *audit.Config) error {
	all, err := config.Apply(rules.All())
	if err != nil {
		return err
	}
	o.rules = slices.DeleteFunc(all, func(r audit.Rule) bool {
		return !slices.ContainsFunc(o.rules, func(chosen audit.Rule) bool { return chosen.ID == r.ID })
	})
	return nil
}

// readAuditConfig reads the file that a flag names; nil without one.
func readAuditConfig(flag, file string) (*audit.Config, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	defer f.Close()
	return audit.ReadConfig(f, file)
}

func (o *auditOptions) readBaseline() (*audit.Baseline, error) {
	if o.baseline == "" {
		return nil, nil
	}
	f, err := os.Open(o.baseline)
	if err != nil {
		return nil, fmt.Errorf("--baseline: %w", err)
	}
	defer f.Close()
	b, err := audit.ReadBaseline(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.baseline, err)
	}
	return b, nil
}

func writeBaseline(name string, found *audit.BaselineWriter) error {
	var text bytes.Buffer
	if _, err := found.WriteTo(&text); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	if err := os.WriteFile(name, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	return nil
}

// resolve selects, and says so when there is nothing to select from.
func (o *auditOptions) resolve(set discovery.Set) (watch.Selector, error) {
	chosen, err := o.selection.resolve(set)
	if err != nil {
		return nil, err
	}
	if _, ok := chosen.names[crdName]; ok {
		return nil, errors.New("a CRD is audited together with its objects: name the type that it defines, or none for all of them")
	}
	for _, r := range set {
		if _, ok := chosen.selector(r); ok {
			return chosen.selector, nil
		}
	}
	if o.selection.files {
		o.say("no CRDs found in the files")
	} else {
		o.say("no custom resource types found")
	}
	return chosen.selector, nil
}

// showProgress returns what shows progress now and then, and remembers it.
func (o *auditOptions) showProgress() func(scan.Progress) {
	var shown time.Time
	return func(p scan.Progress) {
		o.audited = p
		if now := time.Now(); now.Sub(shown) >= progressEvery {
			shown = now
			o.screen.show(fmt.Sprintf("auditing %d of %s, %s", p.Done, counted(p.Resources, "resource"), counted(p.Objects, "object")))
		}
	}
}

// say writes a line about the audit, beside its result.
func (g *globals) say(format string, args ...any) {
	if !g.quiet {
		g.screen.show("")
		fmt.Fprintf(g.streams.err, format+"\n", args...)
	}
}
