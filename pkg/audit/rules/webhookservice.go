package rules

import (
	"fmt"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// defaultWebhookPort is the port of a webhook's service that names none.
const defaultWebhookPort = 443

// outage says why a webhook cannot be reached, and since when as far as that is known.
type outage struct {
	what  string
	since time.Time
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

// findOutage looks for what keeps the API server from a webhook's service, nil if
// nothing does. Its error says what could not be found out.
func findOutage(in *audit.Input, ref *apiextensionsv1.ServiceReference) (*outage, error) {
	question, _ := serviceQuestions(ref)
	name := fmt.Sprintf("service %s/%s", ref.Namespace, ref.Name)
	answer := in.Answer(question)
	switch {
	case answer.Outcome == audit.Absent:
		return &outage{name + " does not exist", later(in.CRD.Edited(), answer.Since)}, nil
	case answer.Outcome != audit.Found || len(answer.Objects) != 1:
		return nil, fmt.Errorf("whether %s exists is not known: %s", name, answer.Message)
	}
	service := answer.Objects[0]
	if text(service, "spec", "type") == "ExternalName" {
		return nil, nil // what is outside of the cluster, and its port, cannot be seen
	}
	number := int64(defaultWebhookPort)
	if ref.Port != nil {
		number = int64(*ref.Port)
	}
	ports := items(service, "spec", "ports")
	i := slices.IndexFunc(ports, func(p map[string]any) bool { return p["port"] == number })
	if i < 0 {
		return &outage{fmt.Sprintf("%s has no port %d", name, number), later(in.CRD.Edited(), lastWrite(service))}, nil
	}
	return endpointsOutage(in, ref, name, ports[i])
}

// endpointsOutage looks behind a service, as the API server does
// (k8s.io/apiserver/pkg/util/proxy): some ready endpoint must have its port, by name.
func endpointsOutage(in *audit.Input, ref *apiextensionsv1.ServiceReference, name string, port map[string]any) (*outage, error) {
	_, question := serviceQuestions(ref)
	answer := in.Answer(question)
	switch answer.Outcome {
	case audit.Absent:
		return &outage{name + " has no endpoints", later(in.CRD.Edited(), answer.Since)}, nil
	case audit.Found:
	default:
		return nil, fmt.Errorf("whether %s has endpoints is not known: %s", name, answer.Message)
	}
	since, ready := in.CRD.Edited(), false
	for _, slice := range answer.Objects {
		if hasReadyEndpoint(slice) {
			if hasPort(slice, text(port, "name")) {
				return nil, nil
			}
			ready = true
		}
		since = later(since, lastWrite(slice))
	}
	if ready {
		return &outage{fmt.Sprintf("no pod behind %s has the targetPort %v that its port %v leads to", name, port["targetPort"], port["port"]), since}, nil
	}
	return &outage{name + " has no endpoint that is ready", since}, nil
}

// hasReadyEndpoint: where the condition is missing an endpoint is ready (discovery.k8s.io/v1).
func hasReadyEndpoint(slice map[string]any) bool {
	return slices.ContainsFunc(items(slice, "endpoints"), func(e map[string]any) bool {
		conditions, _ := e["conditions"].(map[string]any)
		ready, ok := conditions["ready"].(bool)
		return ready || !ok
	})
}

// hasPort reports whether an EndpointSlice has a port of a name; the only port of a
// service may have none.
func hasPort(slice map[string]any, name string) bool {
	return slices.ContainsFunc(items(slice, "ports"), func(p map[string]any) bool { return text(p, "name") == name })
}
