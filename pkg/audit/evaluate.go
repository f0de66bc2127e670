package audit

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Evaluator applies rules. It has no state and is safe for concurrent use.
type Evaluator struct {
	Rules []Rule
	// Exempter decides what is passed over; nil: nothing.
	Exempter Exempter
}

// Exempter knows what findings are not wanted.
type Exempter interface {
	// Exempt reports whether a finding is passed over, and until when: zero is for
	// ever. The annotations are those of its subject.
	Exempt(f *Finding, annotations map[string]string) (until time.Time, ok bool)
	// Review returns what is wrong with the exemptions that a subject claims for
	// itself (META001).
	Review(annotations map[string]string) []Finding
}

// Verdict is what the rules say of one subject.
type Verdict struct {
	// Findings are complete, and sorted. Some may be due later, or no more.
	Findings []Finding
	// Suppressed are those that are passed over, until their Until.
	Suppressed []Finding
	// Unevaluated are the rules that could not tell.
	Unevaluated []Unevaluated
}

// Unevaluated says what could not be judged, and why.
type Unevaluated struct {
	// Resource is plural.group.
	Resource string `json:"resource"`
	// Rule is empty where no rule could be applied.
	Rule string `json:"rule,omitempty"`
	// Reason is one CamelCase word, Message a sentence.
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Refer has what could not be read refer to the findings that tell why, so that the API
// server's words, which can be long, are there once. It changes the list.
func Refer(list []Unevaluated, findings iter.Seq[*Finding]) {
	rules := map[string]string{}
	for f := range findings {
		if f.Explains {
			rules[f.Subject.Name] = f.Rule
		}
	}
	for i := range list {
		if rule := rules[list[i].Resource]; rule != "" && list[i].Rule == "" {
			list[i].Message = "its objects cannot be read, for the reason that its finding " + rule + " tells"
		}
	}
}

// Reasons of what is not evaluated, besides those of a Failure.
const (
	// RuleIncomplete: the rule could not find out what it must know.
	RuleIncomplete = "Incomplete"
	// RuleFailed: the rule itself has a bug.
	RuleFailed = "RuleFailed"
)

// Questions are what the rules must know of the cluster to check an input, each once.
func (e *Evaluator) Questions(about About, in *Input) []Question {
	var questions []Question
	for i := range e.Rules {
		if r := &e.Rules[i]; r.About == about && r.Ask != nil {
			questions = append(questions, r.Ask(in)...)
		}
	}
	slices.SortFunc(questions, Question.Compare)
	return slices.Compact(questions)
}

// Evaluate applies all rules of a kind to an input.
func (e *Evaluator) Evaluate(about About, in *Input) Verdict {
	var v Verdict
	subject, annotations := in.subject(about)
	for i := range e.Rules {
		r := &e.Rules[i]
		if r.About != about || r.Check == nil {
			continue
		}
		findings, err := check(r, in)
		if err != nil {
			v.Unevaluated = append(v.Unevaluated, Unevaluated{
				Resource: in.CRD.Name, Rule: r.ID, Reason: reasonOf(err), Message: err.Error(),
			})
		}
		for _, f := range findings {
			f.complete(r, subject)
			e.sort(&v, f, annotations)
		}
	}
	if e.Exempter != nil {
		e.review(&v, subject, annotations)
	}
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Subject == subject {
			f.APIVersion, f.Kind = in.subjectKind(about)
		}
	}
	slices.SortFunc(v.Findings, Finding.Compare)
	return v
}

// review adds what is wrong with the subject's own exemptions.
func (e *Evaluator) review(v *Verdict, subject Subject, annotations map[string]string) {
	for i := range e.Rules {
		r := &e.Rules[i]
		if r.About != AboutExemption {
			continue
		}
		for _, f := range e.Exempter.Review(annotations) {
			f.complete(r, subject)
			// An object cannot exempt itself from being told this, a configuration can.
			e.sort(v, f, nil)
		}
	}
}

// sort puts a finding where it belongs.
func (e *Evaluator) sort(v *Verdict, f Finding, annotations map[string]string) {
	if e.Exempter == nil {
		v.Findings = append(v.Findings, f)
		return
	}
	until, ok := e.Exempter.Exempt(&f, annotations)
	if !ok {
		v.Findings = append(v.Findings, f)
		return
	}
	passed := f
	if !until.IsZero() && (f.Until.IsZero() || until.Before(f.Until)) {
		passed.Until = until
		if f.Due.Before(until) {
			f.Due = until
		}
		v.Findings = append(v.Findings, f)
	}
	v.Suppressed = append(v.Suppressed, passed)
}

// complete fills in what a rule need not say.
func (f *Finding) complete(r *Rule, subject Subject) {
	f.Rule, f.Name = r.ID, r.Name
	f.Severity = cmp.Or(f.Severity, r.Severity)
	f.Remediation = cmp.Or(f.Remediation, r.Remediation)
	f.Summary = cmp.Or(f.Summary, f.Message)
	if f.Subject == (Subject{}) {
		f.Subject = subject
	}
	f.Count = cmp.Or(f.Count, 1)
	if f.Samples == nil {
		f.Samples = []string{}
	}
	f.Fingerprint = Fingerprint(f.Rule, f.Subject, f.Path)
}

func (in *Input) subject(about About) (Subject, map[string]string) {
	if about == AboutCRD {
		return in.CRD.Subject(), in.CRD.Annotations
	}
	return Subject{
		Group: in.CRD.Spec.Group, Resource: in.CRD.Spec.Names.Plural,
		Namespace: in.Object.GetNamespace(), Name: in.Object.GetName(), UID: in.Object.GetUID(),
	}, in.Object.GetAnnotations()
}

// subjectKind is what an ObjectReference calls the subject's type.
func (in *Input) subjectKind(about About) (apiVersion, kind string) {
	if about == AboutCRD {
		return apiextensionsv1.SchemeGroupVersion.String(), "CustomResourceDefinition"
	}
	return in.Object.GetAPIVersion(), in.Object.GetKind()
}

// failure is a bug of a rule.
type failure struct{ what any }

// Error implements error.
func (f failure) Error() string { return fmt.Sprintf("the rule failed: %v", f.what) }

func reasonOf(err error) string {
	var bug failure
	if errors.As(err, &bug) {
		return RuleFailed
	}
	return RuleIncomplete
}

// check keeps a bug of one rule from those of the others.
func check(r *Rule, in *Input) (findings []Finding, err error) {
	defer func() {
		if what := recover(); what != nil {
			findings, err = nil, failure{what}
		}
	}()
	return r.Check(in)
}

// Compare orders findings: the gravest first, then by rule, resource and object.
func (f Finding) Compare(g Finding) int {
	return cmp.Or(
		cmp.Compare(g.Severity, f.Severity), cmp.Compare(f.Rule, g.Rule),
		cmp.Compare(f.Subject.ResourceName(), g.Subject.ResourceName()),
		cmp.Compare(f.Subject.Object(), g.Subject.Object()),
		cmp.Compare(f.Path, g.Path), cmp.Compare(f.Message, g.Message),
	)
}

// Compare orders questions.
func (q Question) Compare(r Question) int {
	return cmp.Or(
		cmp.Compare(q.Group, r.Group), cmp.Compare(q.Version, r.Version), cmp.Compare(q.Resource, r.Resource),
		cmp.Compare(q.Kind, r.Kind), cmp.Compare(q.Namespace, r.Namespace), cmp.Compare(q.Name, r.Name),
		cmp.Compare(q.Selector, r.Selector), compareBool(q.All, r.All),
		compareBool(q.Whole, r.Whole), compareBool(q.Follow, r.Follow),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
