package rules

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// expiryNotice is how long before its end a CA should be replaced.
const expiryNotice = 30 * 24 * time.Hour

const bundlePath = webhookPath + ".caBundle"

func caBundle() audit.Rule {
	return audit.Rule{
		ID: "CRD008", Name: "ca-bundle", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD008"),
		Remediation: "Renew the CA and put it into the CRD; if something injects it (cert-manager, an operator), repair that.",
		Check:       checkCABundle,
	}
}

func checkCABundle(in *audit.Input) ([]audit.Finding, error) {
	client := converter(in.CRD)
	if client == nil {
		return nil, nil
	}
	due := in.CRD.Edited().Add(grace)
	if len(client.CABundle) == 0 {
		if client.Service == nil || in.Offline { // an injector fills it in later
			return nil, nil
		}
		return []audit.Finding{{
			Path: bundlePath, Since: in.CRD.Edited(), Due: due,
			Message: fmt.Sprintf("the conversion webhook %s has no CA bundle, so the API server cannot trust its certificate", serviceName(client)),
		}}, nil
	}
	last, found := lastExpiry(client.CABundle)
	if !found {
		return []audit.Finding{{
			Severity: audit.Critical, Path: bundlePath, Since: in.CRD.Edited(), Due: due,
			Message: "the CA bundle of the conversion webhook has no certificate that can be parsed, so the API server cannot call it",
		}}, nil
	}
	return expiring(last), nil
}

// expiring are the findings about a bundle of which the last certificate ends at a time:
// one from 30 days before, and a graver one from then on.
func expiring(last time.Time) []audit.Finding {
	return []audit.Finding{
		{
			Path: bundlePath, Since: last.Add(-expiryNotice), Due: last.Add(-expiryNotice), Until: last,
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

func serviceName(client *apiextensionsv1.WebhookClientConfig) string {
	return fmt.Sprintf("(service %s/%s)", client.Service.Namespace, client.Service.Name)
}

// lastExpiry is when the last certificate of a bundle ends: one that is valid is enough.
func lastExpiry(bundle []byte) (last time.Time, found bool) {
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return last, found
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			found = true
			if c.NotAfter.After(last) {
				last = c.NotAfter
			}
		}
	}
}
