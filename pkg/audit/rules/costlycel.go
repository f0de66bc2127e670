package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	costlyShare = audit.Threshold[audit.Percent]{
		Name: "costly", Default: 50, Max: 100, Doc: "the part of the API server's limit above which rules are costly",
	}
	// notableShare is where the API server itself starts to name expensive rules.
	notableShare = audit.Threshold[audit.Percent]{
		Name: "notable", Default: 10, Max: 100, Doc: "the part of it above which a missing maxItems or the like matters",
	}
)

func costlyCEL() audit.Rule {
	return audit.Rule{
		ID: "CRD020", Name: "unbounded-or-costly-cel", Severity: audit.Low, About: audit.AboutCRD, Doc: doc("CRD020"),
		Remediation: "Limit what the rule looks at by maxItems, maxProperties and maxLength, to less where there is a limit; or simplify the rule.",
		Check:       checkCEL,
		Thresholds:  []audit.Adjustable{costlyShare, notableShare},
	}
}

func checkCEL(in *audit.Input) ([]audit.Finding, error) {
	shares := celShares{costly: uint64(costlyShare.In(in)), notable: uint64(notableShare.In(in))}
	verdict := in.CRD.Derive(fmt.Sprintf("CRD020 %d", shares), func() any {
		findings, err := checkRules(in.CRD, shares)
		return celVerdict{findings, err}
	}).(celVerdict)
	return slices.Clone(verdict.findings), verdict.err
}

// celShares are parts of a limit, in percent.
type celShares struct{ costly, notable uint64 }

type celVerdict struct {
	findings []audit.Finding
	err      error
}

func checkRules(crd *audit.CRD, shares celShares) ([]audit.Finding, error) {
	var flaws []flaw
	var failed []error
	known := map[*celCosts][]flaw{}
	for _, v := range crd.Served() {
		rules := compiledRules(crd)[v.Name]
		if rules.costs == nil {
			failed = append(failed, rules.err)
			continue
		}
		found, ok := known[rules.costs]
		if !ok {
			var err error
			found, err = celFlaws(v.Name, rules.costs, shares)
			known[rules.costs], failed = found, append(failed, err)
		}
		for _, f := range found {
			f.version = v.Name
			flaws = append(flaws, f)
		}
	}
	return joinVersions(flaws), errors.Join(failed...)
}

func celFlaws(version string, costs *celCosts, shares celShares) ([]flaw, error) {
	flaws := roomyRules(costs.rules, shares)
	for _, r := range worstByPlace(costs.rules) {
		if exceeds(r.cost, shares.costly, validation.StaticEstimatedCostLimit) {
			flaws = append(flaws, costlyRule(r))
		}
	}
	if total := costs.total(); exceeds(total, shares.costly, validation.StaticEstimatedCRDCostLimit) && !slices.ContainsFunc(costs.rules, refused) {
		flaws = append(flaws, costlyTotal(costs, total))
	}
	var failed []error
	for _, err := range costs.failed {
		failed = append(failed, fmt.Errorf("estimating what the rules of version %s cost: %w", version, err))
	}
	return flaws, errors.Join(failed...)
}

// hasRules: most CRDs have none, and need not be converted and compiled.
func hasRules(s *apiextensionsv1.JSONSchemaProps) bool {
	if s == nil {
		return false
	}
	if len(s.XValidations) > 0 || hasRules(itemsOf(s)) || hasRules(valuesOf(s)) {
		return true
	}
	for name := range s.Properties {
		property := s.Properties[name]
		if hasRules(&property) {
			return true
		}
	}
	return false
}

// worstByPlace keeps the costliest rule of each place: the others profit from the same
// limits.
func worstByPlace(rules []celRule) []celRule {
	var worst []celRule
	for _, r := range rules {
		last := len(worst) - 1
		switch {
		case last < 0 || worst[last].path != r.path:
			worst = append(worst, r)
		case r.cost > worst[last].cost:
			worst[last] = r
		}
	}
	return worst
}

func costlyRule(r celRule) flaw {
	f := flaw{severity: audit.Low, path: fmt.Sprintf("%s.x-kubernetes-validations[%d].rule", r.path, r.index)}
	f.text = fmt.Sprintf(`the rule "%s" on %s may cost %s, so `, shorten(r.text), r.place, share(r.cost, validation.StaticEstimatedCostLimit, "one rule"))
	if refused(r) {
		f.text += "the next change of this schema is refused"
	} else {
		f.text += "a change that makes it somewhat costlier is refused"
	}
	missing, present := missingLimits(r), presentLimits(r)
	switch {
	case len(missing) > 0:
		f.text += "; without a limit: " + describeLimits(missing)
		f.fix = addLimits
	case len(present) > 0:
		f.text += "; what it looks at has limits already: " + describeLimits(present)
		f.fix = "Lower the limits of what the rule looks at, or simplify the rule."
	default:
		f.fix = "Simplify the rule."
	}
	return f
}

const addLimits = "Add the limits that are missing, or simplify the rule."

// roomyRules is about the rules that are not costly yet, but only for want of a limit
// cost as much as they do. One flaw stands for all: they are of no concern today.
func roomyRules(rules []celRule, shares celShares) []flaw {
	counts := map[limit]int{}
	places, worst := 0, uint64(0)
	for _, r := range worstByPlace(rules) {
		if exceeds(r.cost, shares.costly, validation.StaticEstimatedCostLimit) || !exceeds(r.cost, shares.notable, validation.StaticEstimatedCostLimit) {
			continue
		}
		missing := missingLimits(r)
		for _, l := range missing {
			counts[l]++
		}
		if len(missing) > 0 {
			places, worst = places+1, max(worst, r.cost)
		}
	}
	if places == 0 {
		return nil
	}
	limits := slices.SortedFunc(maps.Keys(counts), func(a, b limit) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.path, b.path))
	})
	return []flaw{{
		severity: audit.Info, path: limits[0].path + "." + limits[0].keyword, fix: addLimits,
		text: fmt.Sprintf("validation rules at %s may cost up to %s; without a limit: %s",
			plural(places, "place"), share(worst, validation.StaticEstimatedCostLimit, "one rule"), describeLimits(limits)),
	}}
}

func costlyTotal(costs *celCosts, total uint64) flaw {
	rules := slices.Clone(costs.rules)
	slices.SortStableFunc(rules, func(a, b celRule) int { return cmp.Compare(b.cost, a.cost) })
	var worst []string
	for _, r := range worstByPlace(rules[:min(mostNamed, len(rules))]) {
		worst = append(worst, r.String())
	}
	return flaw{
		severity: audit.Low, path: rootPlace().path,
		fix: "Simplify the rules, or limit what they look at by maxItems, maxProperties and maxLength, to less where there is a limit.",
		text: fmt.Sprintf("all %d validation rules together may cost %s; the costliest are on %s",
			len(rules), share(total, validation.StaticEstimatedCRDCostLimit, "a whole schema"), enumerate(worst)),
	}
}

// refused: the rule alone is too costly, and has to be changed before the sum counts.
func refused(r celRule) bool {
	return exceeds(r.cost, 100, validation.StaticEstimatedCostLimit)
}

// exceeds reports whether a cost is more than so many percent of a limit.
func exceeds(cost, percent, limit uint64) bool {
	return cost > limit/100*percent
}

func share(cost, limit uint64, of string) string {
	amount := fmt.Sprintf("%d %% of", cost/(limit/100))
	switch factor := cost / limit; {
	case factor > 100:
		amount = "over 100 times"
	case factor >= 10:
		amount = fmt.Sprintf("%d times", factor)
	}
	return fmt.Sprintf("%s what the API server allows for %s", amount, of)
}

func describeLimits(missing []limit) string {
	var words []string
	for _, l := range missing {
		words = append(words, fmt.Sprintf("%s (%s)", l.place, l.keyword))
	}
	return some(words)
}
