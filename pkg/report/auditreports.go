package report

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// maxResults and maxResultBytes bound one report: etcd takes objects of 1.5 MiB.
	maxResults     = 1000
	maxResultBytes = 1 << 20
	// reportName is the name of a report; of several they are reportName-1, -2, …
	reportName = "crdwatch"
)

// reportKinds are the kinds of an API: in a namespace, and of the cluster.
type reportKinds struct{ apiVersion, namespaced, cluster string }

func kindsOf(api string) (reportKinds, error) {
	switch cmp.Or(api, OpenReportsAPI) {
	case OpenReportsAPI:
		return reportKinds{OpenReportsAPI, "Report", "ClusterReport"}, nil
	case PolicyReportAPI:
		return reportKinds{PolicyReportAPI, "PolicyReport", "ClusterPolicyReport"}, nil
	}
	return reportKinds{}, fmt.Errorf("unknown API %q, want one of: %s", api, strings.Join(ReportsAPIs(), ", "))
}

// auditReports renders a report as objects of the OpenReports API
// (https://openreports.io) or of its predecessor, one YAML document each: those about
// objects in a namespace there, all others, and what was not evaluated, in one of the
// cluster, which is there even when nothing was found.
func auditReports(r *audit.Report, opts *AuditOptions) ([]byte, error) {
	kinds, err := kindsOf(opts.ReportsAPI)
	if err != nil {
		return nil, err
	}
	results := resultsByNamespace(r, opts.Now)
	var b bytes.Buffer
	for _, namespace := range slices.Sorted(maps.Keys(results)) {
		parts, err := split(results[namespace])
		if err != nil {
			return nil, err
		}
		for i, part := range parts {
			doc, err := marshalYAML(kinds.report(namespace, partName(i, len(parts)), part))
			if err != nil {
				return nil, err
			}
			b.WriteString("---\n")
			b.Write(doc)
		}
	}
	return b.Bytes(), nil
}

func partName(i, of int) string {
	if of == 1 {
		return reportName
	}
	return reportName + "-" + strconv.Itoa(i+1)
}

// resultsByNamespace has those of the cluster at "", always.
func resultsByNamespace(r *audit.Report, now time.Time) map[string][]map[string]any {
	results := map[string][]map[string]any{"": {}}
	for i := range r.Findings {
		f := &r.Findings[i]
		results[f.Subject.Namespace] = append(results[f.Subject.Namespace], findingResult(f, now))
	}
	for _, u := range r.NotEvaluated {
		results[""] = append(results[""], unevaluatedResult(u, now))
	}
	return results
}

// split keeps reports within their bounds. There is always one, maybe without results.
func split(results []map[string]any) ([][]map[string]any, error) {
	parts := [][]map[string]any{{}}
	size := 0
	for _, r := range results {
		line, err := marshalLine(r)
		if err != nil {
			return nil, err
		}
		last := len(parts) - 1
		if n := len(parts[last]); n == maxResults || n > 0 && size+len(line) > maxResultBytes {
			parts, size, last = append(parts, nil), 0, last+1
		}
		parts[last] = append(parts[last], r)
		size += len(line)
	}
	return parts, nil
}

func (k reportKinds) report(namespace, name string, results []map[string]any) map[string]any {
	metadata := map[string]any{"name": name, "labels": map[string]any{"app.kubernetes.io/managed-by": "crdwatch"}}
	kind := k.cluster
	if namespace != "" {
		metadata["namespace"], kind = namespace, k.namespaced
	}
	summary := map[string]int{"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0}
	for _, r := range results {
		outcome, _ := r["result"].(string)
		summary[outcome]++
	}
	report := map[string]any{"apiVersion": k.apiVersion, "kind": kind, "metadata": metadata, "summary": summary, "results": results}
	if k.apiVersion == OpenReportsAPI {
		report["source"] = "crdwatch" // the predecessor has it in the results alone
	}
	return report
}

func findingResult(f *audit.Finding, now time.Time) map[string]any {
	outcome := "fail"
	if f.Severity < audit.Medium {
		outcome = "warn"
	}
	properties := map[string]any{
		"fingerprint": f.Fingerprint, "remediation": f.Remediation, "count": strconv.Itoa(f.Count),
		"type": typeOf(f),
	}
	if f.Path != "" {
		properties["path"] = f.Path
	}
	if !f.Since.IsZero() {
		properties["since"] = f.Since.UTC().Format(time.RFC3339)
	}
	result := result(f.Rule, f.Name, outcome, f.Message, now)
	result["severity"], result["properties"] = f.Severity.String(), properties
	if refs := references(f); len(refs) > 0 {
		result["resources"] = refs
	}
	return result
}

func unevaluatedResult(u audit.Unevaluated, now time.Time) map[string]any {
	result := result(cmp.Or(u.Rule, "all"), u.Reason, "error", u.Resource+" was not evaluated: "+u.Message, now)
	result["properties"] = map[string]any{"type": u.Resource, "reason": u.Reason}
	return result
}

func result(policy, rule, outcome, message string, now time.Time) map[string]any {
	return map[string]any{
		"source": "crdwatch", "policy": policy, "rule": rule, "category": "custom resources", "scored": true,
		"result": outcome, "message": plain(message),
		"timestamp": map[string]any{"seconds": now.Unix(), "nanos": 0},
	}
}

// references are the objects concerned: of a group, those that it names.
func references(f *audit.Finding) []map[string]any {
	subjects := samples(f)
	if f.Subject.Name != "" {
		subjects = []audit.Subject{f.Subject}
	}
	var refs []map[string]any
	for _, s := range subjects {
		ref := map[string]any{"name": s.Name}
		for field, value := range map[string]string{"namespace": s.Namespace, "uid": string(s.UID), "apiVersion": f.APIVersion, "kind": f.Kind} {
			if value != "" {
				ref[field] = value
			}
		}
		refs = append(refs, ref)
	}
	return refs
}
