package rules

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var expiryNotice = audit.Threshold[time.Duration]{Name: "notice", Default: 30 * 24 * time.Hour, Doc: "how long before its end a CA should be replaced"}

const bundlePath = webhookPath + ".caBundle"

func caBundle() audit.Rule {
	return audit.Rule{
		ID: "CRD008", Name: "ca-bundle", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD008"),
		Remediation: "Renew the CA and put it into the CRD; if something injects it (cert-manager, an operator), repair that.",
		Check:       checkCABundle,
		Thresholds:  []audit.Adjustable{expiryNotice, grace},
	}
}

func checkCABundle(in *audit.Input) ([]audit.Finding, error) {
	client := converter(in.CRD)
	if client == nil {
		return nil, nil
	}
	var findings []audit.Finding
	switch last, found := lastExpiry(client.CABundle); {
	case found:
		findings = expiring(last, expiryNotice.In(in))
	case in.Offline && len(bytes.TrimSpace(client.CABundle)) == 0:
		// An injector fills it in when the manifest is installed.
	case len(client.CABundle) == 0 && client.Service == nil:
		// The certificate of a webhook elsewhere may be one that the system trusts.
	case len(client.CABundle) == 0:
		findings = []audit.Finding{missingBundle(in, client)}
	default:
		findings = []audit.Finding{{
			Severity: audit.Critical, Path: bundlePath, Since: in.CRD.Edited(), Due: in.CRD.Edited().Add(grace.In(in)),
			Message: "the CA bundle of the conversion webhook has no certificate that can be parsed, so the API server cannot call it",
		}}
	}
	if !needsConverter(in.CRD) {
		for i := range findings {
			findings[i].Severity = audit.Low
			findings[i].Message += "; with its single version the CRD does not need the webhook yet"
		}
	}
	return findings, nil
}

// missingBundle names who should have filled it in, if the CRD tells.
func missingBundle(in *audit.Input, client *apiextensionsv1.WebhookClientConfig) audit.Finding {
	crd := in.CRD
	f := audit.Finding{
		Path: bundlePath, Since: crd.Edited(), Due: crd.Edited().Add(grace.In(in)),
		Message: fmt.Sprintf("the conversion webhook (service %s/%s) has no CA bundle, so the API server does not trust its certificate",
			client.Service.Namespace, client.Service.Name),
		Remediation: "Put the CA of the webhook's certificate into the CRD, or repair what should inject it.",
	}
	for _, annotation := range injectors() {
		if from := crd.Annotations[annotation]; from != "" {
			f.Message += fmt.Sprintf("; the annotation %s=%s asks for one", annotation, from)
			f.Remediation = fmt.Sprintf("See why %s is not answered: is its controller running, and is there what it names?", annotation)
		}
	}
	return f
}

// injectors are the annotations by which a CRD asks for its CA bundle.
func injectors() []string {
	return []string{
		"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret", "cert-manager.io/inject-apiserver-ca",
		"service.beta.openshift.io/inject-cabundle",
	}
}

// expiring are the findings about a bundle of which the last certificate ends at a time:
// one from some time before, and a graver one from then on.
func expiring(last time.Time, notice time.Duration) []audit.Finding {
	return []audit.Finding{
		{
			Path: bundlePath, Since: last.Add(-notice), Due: last.Add(-notice), Until: last,
			Message: fmt.Sprintf("the CA of the conversion webhook expires at %s; from then on no conversion works", stamp(last)),
			Summary: "the CA of the conversion webhook expires soon",
		},
		{
			Severity: audit.Critical, Path: bundlePath, Since: last, Due: last,
			Message: fmt.Sprintf("the CA of the conversion webhook expired at %s, so the API server does not trust its certificate and no conversion works", stamp(last)),
			Summary: "the CA of the conversion webhook has expired",
		},
	}
}

// lastExpiry is when the last certificate of a bundle ends: one that is valid is enough.
// Like the API server it takes only plain blocks of type CERTIFICATE
// (crypto/x509.CertPool.AppendCertsFromPEM).
func lastExpiry(bundle []byte) (last time.Time, found bool) {
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return last, found
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			found = true
			last = later(last, c.NotAfter)
		}
	}
}
