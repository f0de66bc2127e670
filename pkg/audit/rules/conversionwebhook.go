package rules

import (
	"fmt"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// webhookPatience is how long a conversion webhook may be away: it may be restarting.
const webhookPatience = 2 * time.Minute

// webhookPath is where the webhook stands in a CRD.
const webhookPath = ".spec.conversion.webhook.clientConfig"

func conversionWebhookDown() audit.Rule {
	return audit.Rule{
		ID: "CRD001", Name: "conversion-webhook-down", Severity: audit.Critical, About: audit.AboutCRD, Doc: doc("CRD001"),
		Remediation: "Restore the webhook's service and its pods; or, if no conversion is needed any more, set spec.conversion.strategy to None.",
		Ask:         askWebhook, Check: checkWebhook,
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

// serviceQuestions ask for the service of a webhook, and for what is behind it.
func serviceQuestions(s *apiextensionsv1.ServiceReference) (service, endpoints audit.Question) {
	service = audit.Question{Resource: "services", Namespace: s.Namespace, Name: s.Name, Whole: true, Follow: true}
	endpoints = audit.Question{
		Group: "discovery.k8s.io", Resource: "endpointslices", Namespace: s.Namespace,
		Selector: "kubernetes.io/service-name=" + s.Name, Whole: true, Follow: true,
	}
	return service, endpoints
}

func askWebhook(in *audit.Input) []audit.Question {
	client := converter(in.CRD)
	if client == nil || client.Service == nil {
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
	if in.Failure != nil && (in.Failure.Reason == "ConversionWebhookFailed" || strings.Contains(in.Failure.Message, "conversion webhook for")) {
		return []audit.Finding{webhookFinding(in, "its objects cannot be read: "+in.Failure.Message, failingSince(in.Failure))}, nil
	}
	if client.Service == nil || in.Offline {
		return nil, nil
	}
	trouble, since, err := serviceTrouble(in, client.Service)
	if trouble == "" {
		return nil, err
	}
	return []audit.Finding{webhookFinding(in, trouble, since)}, err
}

// failingSince is when a failure began to count: at once, if it was tried several times.
func failingSince(f *audit.Failure) time.Time {
	const enough = 3
	if f.Attempts >= enough {
		return time.Time{}
	}
	return f.Since
}

// webhookFinding is milder where nobody can ask for another version than the stored one.
func webhookFinding(in *audit.Input, trouble string, since time.Time) audit.Finding {
	f := audit.Finding{
		Path: webhookPath, Since: since,
		Message: fmt.Sprintf("the conversion webhook is down: %s; %s", trouble, webhookVictims(in.CRD)),
		Summary: "the conversion webhook is down",
	}
	if !since.IsZero() {
		f.Due = since.Add(webhookPatience)
	}
	if served := in.CRD.Served(); len(served) == 1 && served[0].Storage {
		f.Severity = audit.Medium
	}
	return f
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
	return fmt.Sprintf("requests for %s fail, and so do watches of objects stored in another version", strings.Join(versions, ", "))
}

// serviceTrouble says what is wrong with a webhook's service, and since when as far as
// that is known.
func serviceTrouble(in *audit.Input, ref *apiextensionsv1.ServiceReference) (trouble string, since time.Time, err error) {
	serviceQ, endpointsQ := serviceQuestions(ref)
	name := fmt.Sprintf("service %s/%s", ref.Namespace, ref.Name)
	edited := in.CRD.Edited()
	service := in.Answer(serviceQ)
	switch service.Outcome {
	case audit.Absent:
		return name + " does not exist", edited, nil
	case audit.Found:
	default:
		return "", since, fmt.Errorf("whether %s exists is not known: %s", name, service.Message)
	}
	port := int64(443)
	if ref.Port != nil {
		port = int64(*ref.Port)
	}
	if len(service.Objects) == 1 && !hasPort(service.Objects[0], port) {
		return fmt.Sprintf("%s has no port %d", name, port), edited, nil
	}
	if len(service.Objects) == 1 && text(service.Objects[0], "spec", "type") == "ExternalName" {
		return "", since, nil
	}
	endpoints := in.Answer(endpointsQ)
	switch endpoints.Outcome {
	case audit.Absent:
		return name + " has no endpoints", edited, nil
	case audit.Found:
	default:
		return "", since, fmt.Errorf("whether %s has endpoints is not known: %s", name, endpoints.Message)
	}
	since = edited
	for _, slice := range endpoints.Objects {
		if readyEndpoints(slice) > 0 {
			return "", since, nil
		}
		if t := lastWrite(slice); t.After(since) {
			since = t
		}
	}
	return name + " has no endpoint that is ready", since, nil
}

func hasPort(service map[string]any, port int64) bool {
	for _, p := range items(service, "spec", "ports") {
		if n, ok := p["port"].(int64); ok && n == port {
			return true
		}
	}
	return false
}

// readyEndpoints counts the endpoints of an EndpointSlice that are ready; where the
// condition is missing they are (discovery.k8s.io/v1).
func readyEndpoints(slice map[string]any) int {
	n := 0
	for _, e := range items(slice, "endpoints") {
		conditions, _ := e["conditions"].(map[string]any)
		if ready, ok := conditions["ready"].(bool); ready || !ok {
			n++
		}
	}
	return n
}
