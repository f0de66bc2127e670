package rules

import (
	"fmt"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// Of the rules for which a list that fails is the defect:
var (
	// webhookPatience: a webhook may be restarting.
	webhookPatience = audit.Threshold[time.Duration]{Name: "after", Default: 2 * time.Minute, Doc: "how long it may last"}
	// failedAttempts: crdwatch audit makes no more than three, and crdwatch serve, which
	// goes on, has the rules look again up to the third.
	failedAttempts = audit.Threshold[int]{Name: "attempts", Default: 3, Min: 1, Max: 3, Doc: "how often a list must have failed to count at once"}
)

// webhookPath is where the webhook stands in a CRD.
const webhookPath = ".spec.conversion.webhook.clientConfig"

func conversionWebhookDown() audit.Rule {
	return audit.Rule{
		ID: "CRD001", Name: "conversion-webhook-down", Severity: audit.Critical, About: audit.AboutCRD, Doc: doc("CRD001"),
		Remediation: "Restore the webhook's service and its pods; or, if no conversion is needed any more, set spec.conversion.strategy to None.",
		Ask:         askWebhook, Check: checkWebhook,
		Thresholds: []audit.Adjustable{webhookPatience, failedAttempts},
	}
}

// converter returns the webhook of a CRD that converts, or nil.
func converter(crd *audit.CRD) *apiextensionsv1.WebhookClientConfig {
	c := crd.Spec.Conversion
	if c == nil || c.Strategy != apiextensionsv1.WebhookConverter || c.Webhook == nil {
		return nil
	}
	return c.Webhook.ClientConfig
}

// needsConverter reports whether there is anything to convert: the API server does not call
// the webhook of a CRD with a single version.
func needsConverter(crd *audit.CRD) bool {
	return len(crd.Spec.Versions) > 1
}

func askWebhook(in *audit.Input) []audit.Question {
	client := converter(in.CRD)
	if client == nil || client.Service == nil || !needsConverter(in.CRD) {
		return nil
	}
	service, endpoints := serviceQuestions(client.Service)
	return []audit.Question{service, endpoints}
}

func checkWebhook(in *audit.Input) ([]audit.Finding, error) {
	client := converter(in.CRD)
	if client == nil {
		return nil, nil
	}
	var findings []audit.Finding
	if conversionFailed(in.Failure) {
		findings = append(findings, failingWebhook(in))
	}
	if client.Service == nil || in.Offline || !needsConverter(in.CRD) {
		return findings, nil
	}
	// Even if lists fail: that may have begun just now, and the outage long ago.
	down, err := findOutage(in, client.Service)
	if down == nil {
		if len(findings) > 0 {
			err = nil // what is wrong is known without
		}
		return findings, err
	}
	return append(findings, webhookDown(in, down)), err
}

// conversionFailed reports whether it is the conversion that keeps objects from being read.
func conversionFailed(f *audit.Failure) bool {
	return f != nil && (f.Reason == "ConversionWebhookFailed" || strings.Contains(f.Message, "conversion webhook for"))
}

// failingWebhook is the finding that the API server itself tells of: the webhook may
// also be there and answer nonsense.
func failingWebhook(in *audit.Input) audit.Finding {
	return audit.Finding{
		Severity: webhookSeverity(in.CRD), Path: webhookPath, Since: in.Failure.Since, Due: failureDue(in), Explains: true,
		Message: fmt.Sprintf("the conversion webhook fails, and the objects cannot be listed: %s", in.Failure.Message),
		Summary: "the conversion webhook fails", Remediation: mendWebhook(converter(in.CRD)),
	}
}

// mendWebhook is what to do about a webhook that is named by URL; empty for the others.
func mendWebhook(client *apiextensionsv1.WebhookClientConfig) string {
	if client.URL == nil {
		return ""
	}
	return fmt.Sprintf("Restore what answers at %s, the webhook's URL; or, if no conversion is needed any more, set spec.conversion.strategy to None.", *client.URL)
}

// failureDue is when a failure counts: at once if it was tried often enough, otherwise
// after as long as that takes.
func failureDue(in *audit.Input) time.Time {
	if in.Failure.Attempts >= failedAttempts.In(in) {
		return time.Time{}
	}
	since := in.Failure.Since
	if since.IsZero() {
		since = in.Now // it is not known to have begun before
	}
	return since.Add(webhookPatience.In(in))
}

func webhookDown(in *audit.Input, down *outage) audit.Finding {
	f := audit.Finding{
		Severity: webhookSeverity(in.CRD), Path: webhookPath, Since: down.since,
		Message: fmt.Sprintf("the conversion webhook is down: %s; %s", down.what, webhookVictims(in.CRD)),
		Summary: "the conversion webhook is down",
	}
	if !down.since.IsZero() {
		f.Due = down.since.Add(webhookPatience.In(in))
	}
	return f
}

// webhookSeverity is milder where nobody can ask for another version than the stored one.
func webhookSeverity(crd *audit.CRD) audit.Severity {
	if served := crd.Served(); len(served) == 1 && served[0].Storage {
		return audit.Medium
	}
	return audit.Critical
}

// webhookVictims says what does not work without the webhook.
func webhookVictims(crd *audit.CRD) string {
	var versions []string
	for _, v := range crd.Served() {
		if !v.Storage {
			versions = append(versions, v.Name)
		}
	}
	if len(versions) == 0 {
		return "objects stored in an earlier version cannot be read"
	}
	return fmt.Sprintf("reading and writing %s fails, and so does reading what is stored in another version than it is asked for in", enumerate(versions))
}
