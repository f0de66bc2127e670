package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/live"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// discoveryFor is how long it is remembered what the API server serves.
const discoveryFor = time.Second

// auditorOptions are the flags of crdwatch serve about the audit.
type auditorOptions struct {
	on     bool
	config string
	// evaluator and before follow from them.
	evaluator audit.Evaluator
	before    audit.Verdict
}

func (o *auditorOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.on, "audit", true, "Look for what is wrong with CRDs and custom resources all the time")
	flags.StringVar(&o.config, "audit-config", "", "Read exemptions, severities and thresholds of the audit from this file")
}

// validate reads the configuration.
func (o *auditorOptions) validate() error {
	all := rules.All()
	config, err := readAuditConfig("--audit-config", o.config)
	if err != nil {
		return err
	}
	applied := all
	if config != nil {
		if applied, err = config.Apply(all); err != nil {
			return err
		}
	}
	exemptions, err := audit.NewExemptions(config, audit.ExemptionOptions{Rules: all})
	if err != nil {
		return err
	}
	o.before = exemptions.Expired(applied)
	o.evaluator = audit.Evaluator{Rules: applied, Exempter: exemptions}
	return nil
}

// newAuditor makes an Auditor that is told what is kept, and records in the history.
func (o *serveOptions) newAuditor(ctx context.Context, h *dataDir, source live.Source, clients *watch.Clients, metrics *report.Metrics) (*live.Auditor, error) {
	open, err := h.openFindings(ctx)
	if err != nil {
		return nil, err
	}
	a := live.New(live.Options{
		Evaluator: o.audit.evaluator, Before: o.audit.before, Source: source,
		Answers: lookup.New(clients, lookup.Options{TTL: discoveryFor}),
		Record:  h.recorder.Record, Open: open, Log: o.log,
	})
	h.kept = a.Take
	return a, metrics.Audit(a)
}

// watchAndAudit runs both until ctx ends. The auditor ends last: until then, what it is
// told must not be lost on it.
func watchAndAudit(ctx context.Context, manager *watch.Manager, a *live.Auditor) error {
	if a == nil {
		return manager.Run(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	audited := make(chan error, 1)
	go func() { audited <- a.Run(ctx) }()
	err := manager.Run(ctx)
	cancel()
	return errors.Join(err, <-audited)
}
