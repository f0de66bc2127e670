package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exemptions knows what findings are not wanted: by the configuration, and by the
// annotations of the objects themselves. It implements Exempter, is read-only and safe
// for concurrent use. It does not look at the clock: when an exemption ends is said
// with Due and Until.
type Exemptions struct {
	ignores       []Ignore
	noAnnotations bool
	known         map[string]bool
}

// ExemptionOptions are the settings of NewExemptions.
type ExemptionOptions struct {
	// NoAnnotations: objects cannot exempt themselves. Their annotations are neither
	// followed nor reviewed.
	NoAnnotations bool
	// Rules are all rules that there are, not only those that are applied. Without them
	// it is not checked whether an exemption names a rule that exists.
	Rules []Rule
}

// NewExemptions returns the exemptions of a configuration, which may be nil. Its error
// names the entry that exempts from a rule that does not exist.
func NewExemptions(cfg *Config, opts ExemptionOptions) (*Exemptions, error) {
	x := &Exemptions{noAnnotations: opts.NoAnnotations, known: map[string]bool{}}
	for i := range opts.Rules {
		x.known[opts.Rules[i].ID] = true
	}
	if cfg == nil {
		return x, nil
	}
	x.ignores = cfg.Ignore
	for i := range x.ignores {
		if g := &x.ignores[i]; len(x.known) > 0 && !g.matchesAnyRule(opts.Rules) {
			return nil, fmt.Errorf("%s: ignore[%d].rule: no rule is called %q; crdwatch audit --list-rules shows what there is",
				g.at(cfg.File), i, g.Rule)
		}
	}
	return x, nil
}

// Exempt implements Exempter. Of several exemptions the one that lasts longest counts.
// One that is over is told too, with the time in the past when it ended.
func (x *Exemptions) Exempt(f *Finding, annotations map[string]string) (until time.Time, ok bool) {
	if value, has := annotations[AnnotationPrefix+f.Rule]; has && !x.noAnnotations {
		if c, err := parseClaim(value); err == nil {
			until, ok = c.until, true
		}
	}
	for i := range x.ignores {
		g := &x.ignores[i]
		if !g.matches(f) {
			continue
		}
		if !ok || lasts(g.until, until) {
			until = g.until
		}
		ok = true
	}
	return until, ok
}

// lasts reports whether a lasts longer than b; zero is for ever.
func lasts(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}

// Review implements Exempter: one finding for each annotation that exempts nothing,
// and one that is due later for each that will not any more.
func (x *Exemptions) Review(annotations map[string]string) []Finding {
	if x.noAnnotations {
		return nil
	}
	var findings []Finding
	for key, value := range annotations {
		if rule, ok := strings.CutPrefix(key, AnnotationPrefix); ok {
			findings = append(findings, x.reviewClaim(key, rule, value)...)
		}
	}
	slices.SortFunc(findings, Finding.Compare)
	return findings
}

func (x *Exemptions) reviewClaim(key, rule, value string) []Finding {
	f := Finding{Path: ".metadata.annotations." + key}
	c, err := parseClaim(value)
	switch {
	case len(x.known) > 0 && !x.known[rule]:
		f.Message = fmt.Sprintf("the annotation %s exempts nothing: there is no rule %s", key, strconv.Quote(rule))
		f.Remediation = "Correct the rule in the annotation's key (crdwatch audit --list-rules), or remove the annotation."
	case err != nil:
		f.Message = fmt.Sprintf("the annotation %s exempts nothing: %s; it should be %s", key, err, annotationForm)
		f.Remediation = "Give the annotation a reason and a date that is understood, or remove it."
	case !c.until.IsZero():
		f.Message = fmt.Sprintf("the annotation %s exempts nothing any more: its last day was %s; its reason was %s", key, c.last, strconv.Quote(c.reason))
		f.Summary = fmt.Sprintf("the annotation %s exempts nothing any more: its last day is over", key)
		f.Since, f.Due = c.until, c.until
	default:
		return nil
	}
	return []Finding{f}
}

// Expired returns what is wrong with the entries of the configuration: that they are
// over. Those findings have no subject, because no object is to blame; each is due
// when its entry ends, so that the verdict can be computed once and kept. The rules are
// those that are applied: without one AboutExemption among them nothing is found.
//
// Whoever makes a Report adds it once: collector.Add(exemptions.Expired(rules)).
func (x *Exemptions) Expired(rules []Rule) Verdict {
	var v Verdict
	for i := range rules {
		if rules[i].About != AboutExemption {
			continue
		}
		for j := range x.ignores {
			if g := &x.ignores[j]; !g.until.IsZero() {
				f := g.expiry()
				f.complete(&rules[i], Subject{})
				v.Findings = append(v.Findings, f)
			}
		}
	}
	slices.SortFunc(v.Findings, Finding.Compare)
	return v
}

// expiry is the finding that an entry of the configuration is over.
func (g *Ignore) expiry() Finding {
	return Finding{
		Path:  ".ignore[" + g.describe() + "]",
		Since: g.until, Due: g.until,
		Message: fmt.Sprintf("the entry of the configuration that ignores %s exempts nothing any more: its last day was %s; its reason was %s",
			g.describe(), g.Expires, strconv.Quote(g.Reason)),
		Remediation: "Set a new date in the configuration, or remove the entry.",
	}
}
