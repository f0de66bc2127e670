package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/synth"
)

// The columns of scenario audit.
const (
	auditColumn = "crdwatch audit"
	naiveColumn = "naive, until synced"
)

// mostRequired is how many fields a rule of a kind demands: none to three, as those of
// Upjet's providers do. What rules cost an audit is a large part of all.
const mostRequired = 3

// audited is one run of a program over a whole cluster.
type audited struct {
	Elapsed time.Duration
	Peak    uint64
	// CPU is what the program used in that time, ServerCPU the API server with etcd, and
	// OtherCPU everything else on the machine.
	CPU, ServerCPU, OtherCPU time.Duration
	// Findings and NotEvaluated are those of an audit.
	Findings, NotEvaluated int
}

// fillAudit makes CRDs of which the first have objects.
func fillAudit(ctx context.Context, b *bench, cp *controlplane.ControlPlane) (fixture, error) {
	w, err := newWriter(b, cp)
	if err != nil {
		return fixture{}, err
	}
	kinds := make([]*synth.Kind, b.crds)
	sizes := synth.SchemaSizes(b.seed, b.crds, b.schema)
	for i := range kinds {
		kinds[i] = synth.KindOfSchema(b.seed, uint64(i), sizes[i])
		if i < b.kinds {
			kinds[i] = synth.KindOfObject(b.seed, uint64(i), b.size)
		}
		kinds[i].Require(i % (mostRequired + 1))
	}
	f, err := w.define(ctx, auditScenario, kinds)
	if err != nil {
		return f, err
	}
	f.Objects = b.objects
	f.Share, err = w.objects(ctx, kinds[:min(b.kinds, len(kinds))], b.objects)
	return f, err
}

// audit runs the audit and the naive program by turns.
func (b *bench) audit(ctx context.Context, s scenario, cp *controlplane.ControlPlane, f fixture) (page, error) {
	b.say("%s: warming the API server's caches", s.name)
	if _, err := b.child(ctx, cp, f, opponent.Raw, ""); err != nil {
		return nil, err
	}
	results := map[string][]audited{}
	order := []string{auditColumn, naiveColumn}
	for round := range b.runs {
		for _, column := range order {
			run := b.auditOnce
			if column == naiveColumn {
				run = b.syncOnce
			}
			r, err := run(ctx, cp, f)
			if err != nil {
				return nil, err
			}
			b.say("%s: round %d of %d: %-20s %5.1f s, %5.1f s of CPU, peak %4d MiB, %d findings, %d not evaluated", s.name, round+1, b.runs,
				column, r.Elapsed.Seconds(), r.CPU.Seconds(), r.Peak>>20, r.Findings, r.NotEvaluated)
			results[column] = append(results[column], r)
		}
		slices.Reverse(order)
	}
	return auditReport{options: b.options, fixture: f, version: cp.Version(), results: results}, nil
}

// syncOnce is what the naive program needs to know every object, and nothing more.
func (b *bench) syncOnce(ctx context.Context, cp *controlplane.ControlPlane, f fixture) (audited, error) {
	r, err := b.child(ctx, cp, f, opponent.Naive, "")
	if err == nil && r.Objects != f.Objects {
		err = fmt.Errorf("naive saw %d objects of %d", r.Objects, f.Objects)
	}
	return audited{Elapsed: r.Sync, Peak: r.Synced.Peak, CPU: r.CPU, ServerCPU: r.ServerCPU, OtherCPU: r.OtherCPU}, err
}

// auditOnce is a whole process, from its start to its end.
func (b *bench) auditOnce(ctx context.Context, cp *controlplane.ControlPlane, _ fixture) (a audited, err error) {
	if err := opponent.Quiet(ctx, cp.PID()); err != nil {
		return a, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, b.crdwatch, "audit", "--kubeconfig", cp.Kubeconfig(), "-q", "-o", "json", "--fail-on", "none", "--allow-partial")
	cmd.Stdout, cmd.Stderr = &out, b.log
	var errs [4]error
	var server, machine [2]time.Duration
	server[0], errs[0] = opponent.ProcessCPU(cp.PID())
	machine[0], errs[1] = opponent.MachineCPU()
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return a, fmt.Errorf("running crdwatch audit: %w", errors.Join(err, ctx.Err()))
	}
	a.Elapsed = time.Since(began)
	server[1], errs[2] = opponent.ProcessCPU(cp.PID())
	machine[1], errs[3] = opponent.MachineCPU()
	if err := errors.Join(errs[:]...); err != nil {
		return a, err
	}
	a.CPU, a.ServerCPU = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), server[1]-server[0]
	a.OtherCPU = max(0, machine[1]-machine[0]-a.CPU-a.ServerCPU)
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		a.Peak = uint64(usage.Maxrss) << 10
	}
	var r struct{ Findings, NotEvaluated []json.RawMessage }
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return a, fmt.Errorf("reading what crdwatch audit wrote: %w", err)
	}
	a.Findings, a.NotEvaluated = len(r.Findings), len(r.NotEvaluated)
	return a, nil
}

// auditReport shows the results of scenario audit.
type auditReport struct {
	options
	fixture fixture
	version string
	results map[string][]audited
}

var (
	auditTime = measureOf[audited]{name: "time", ranged: true, format: seconds,
		value: func(a audited, _ int) float64 { return a.Elapsed.Seconds() }}
	auditPeak = measureOf[audited]{name: "peak RSS", format: mebibytes,
		value: func(a audited, _ int) float64 { return float64(a.Peak) }}
	auditCPU = measureOf[audited]{name: "CPU", format: seconds,
		value: func(a audited, _ int) float64 { return a.CPU.Seconds() }}
	auditServer = measureOf[audited]{name: "CPU of the API server meanwhile", format: seconds,
		value: func(a audited, _ int) float64 { return a.ServerCPU.Seconds() }}
	auditOthers = measureOf[audited]{name: "CPUs used by everything else", format: cpus,
		value: func(a audited, _ int) float64 { return a.OtherCPU.Seconds() / a.Elapsed.Seconds() }}
)

// write writes Markdown.
func (r auditReport) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "### Scenario `%s`\n\n%s CRDs, %s objects of %d kinds; every rule, once. The audit is a whole process; of the naive program only the time until it knows every object counts.\n\n",
		auditScenario, grouped(fmt.Sprint(len(r.fixture.Resources))), grouped(fmt.Sprint(r.fixture.Objects)), r.kinds)
	table[audited]{
		columns: []string{auditColumn, naiveColumn}, measures: []measureOf[audited]{auditTime, auditPeak, auditCPU, auditServer, auditOthers}, results: r.results,
		ratios: []quotient{{auditColumn, naiveColumn}}, objects: r.fixture.Objects,
	}.write(w)
	var rows string
	for _, b := range []budgetOf[audited]{
		{measure: auditTime, to: naiveColumn, most: 2}, {measure: auditPeak, to: naiveColumn, most: 1.0 / 4},
	} {
		rows += b.row(r.results, auditColumn, r.fixture.Objects)
	}
	writeBudgets(w, rows)
	fmt.Fprintf(w, "\nMedian of %d rounds; %d CPUs, %s, kube-apiserver %s, %s.\n\n`%s`\n\n",
		r.runs, runtime.NumCPU(), runtime.Version(), r.version, time.Now().UTC().Format(time.DateOnly), r.command())
	return w.Flush()
}
