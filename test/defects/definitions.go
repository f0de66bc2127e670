package defects

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// definitions are the defects of CRDs.
func definitions() []Defect {
	return []Defect{
		ofCRD("CRD001", "jobqueues", "an upgrade brings a conversion webhook, whose service is never installed", deadWebhook),
		ofCRD("CRD002", "ledgers", "storedVersions is trimmed by hand, and the old version is dropped while objects are stored in it", undecodable),
		ofCRD("CRD003", "lamps", "a second CRD wants the kind that another has", takenName).after(2 * minute),
		ofCRD("CRD004", "mailboxes", "the storage version changes, and nobody migrates the objects", notMigrated).after(10 * minute),
		ofCRD("CRD005", "menus", "an old version is served on without conversion, and lacks a field", lossy),
		ofCRD("CRD007", "printers", "a tool goes on writing the deprecated version", stillWritten),
		ofCRD("CRD008", "certs", "the certificate of the conversion webhook's CA has expired", expiredCA),
		ofCRD("CRD014", "sensors", "the schema has a status, but the subresource was forgotten", noStatus),
		ofCRD("CRD017", "gateways", "an API server of years ago took a list whose key is optional", recreated),
		ofCRD("CRD018", "deploys", "the kind, and so the singular, is that of a built-in type", collides),
		ofCRD("CRD019", "blobs", "the spec takes anything", takesAnything),
		ofCRD("CRD020", "routes", "a validation rule compares each item of a list with each other one, and the list may be long", costly),
		ofCRD("CRD022", "drafts", "an alpha version without descriptions, whose printer column points nowhere", unhygienic),
	}
}

const titled = "{spec: {type: object, properties: {title: {type: string}}}}"

func deadWebhook(ctx context.Context, p *planter) error {
	d := one("jobqueues", "JobQueue", titled)
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1", "emails", "spec: {title: Emails}"); err != nil {
		return err
	}
	d.versions = []version{{name: "v1", properties: titled}, {name: "v2", stored: true, properties: titled}}
	d.conversion = webhook("")
	return p.define(ctx, d)
}

// webhook is a conversion by a service that there is not.
func webhook(caBundle string) string {
	if caBundle != "" {
		caBundle = ", caBundle: " + base64.StdEncoding.EncodeToString([]byte(caBundle))
	}
	return "{strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {service: {namespace: default, name: converter, port: 443}" + caBundle + "}}}"
}

func undecodable(ctx context.Context, p *planter) error {
	d := definition{plural: "ledgers", kind: "Ledger", versions: []version{{name: "v1alpha1", stored: true, properties: titled}}}
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1alpha1", "main", "spec: {title: Main}"); err != nil {
		return err
	}
	d.versions = []version{{name: "v1", stored: true, properties: titled}, {name: "v1alpha1", properties: titled}}
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := until(ctx, func() error { return p.trim(ctx, d, `["v1"]`) }); err != nil {
		return err
	}
	d.versions = d.versions[:1]
	return p.define(ctx, d)
}

func takenName(ctx context.Context, p *planter) error {
	if err := p.define(ctx, one("lights", "Light", titled)); err != nil {
		return err
	}
	// It is never established, so this one is not waited for.
	d := one("lamps", "Light", titled)
	return p.create(ctx, d.manifest())
}

func notMigrated(ctx context.Context, p *planter) error {
	d := definition{plural: "mailboxes", kind: "Mailbox", versions: []version{{name: "v1beta1", stored: true, properties: titled}}}
	if err := p.define(ctx, d); err != nil {
		return err
	}
	if err := p.write(ctx, developer, d, "v1beta1", "inbox", "spec: {title: Inbox}"); err != nil {
		return err
	}
	d.versions = []version{{name: "v1", stored: true, properties: titled}, {name: "v1beta1", properties: titled, unserved: true}}
	return p.define(ctx, d)
}

func lossy(ctx context.Context, p *planter) error {
	d := definition{plural: "menus", kind: "Menu", versions: []version{
		{name: "v1", stored: true, properties: "{spec: {type: object, properties: {title: {type: string}, courses: {type: integer}}}}"},
		{name: "v1beta1", properties: titled},
	}}
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "lunch", "spec: {title: Lunch, courses: 3}")
}

func stillWritten(ctx context.Context, p *planter) error {
	d := definition{plural: "printers", kind: "Printer", versions: []version{
		{name: "v1", stored: true, properties: titled}, {name: "v1alpha1", obsolete: true, properties: titled},
	}}
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, legacy, d, "v1alpha1", "hall", "spec: {title: Hall}")
}

func expiredCA(ctx context.Context, p *planter) error {
	ca, err := certificate(time.Now().Add(-2*day), time.Now().Add(-day))
	if err != nil {
		return err
	}
	d := definition{plural: "certs", kind: "Cert", conversion: webhook(ca), versions: []version{
		{name: "v1", stored: true, properties: titled}, {name: "v1beta1", properties: titled},
	}}
	return p.define(ctx, d)
}

// certificate makes a CA's, self-signed, as PEM.
func certificate(from, to time.Time) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("generating a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webhook-ca"},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", fmt.Errorf("signing a certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

func noStatus(ctx context.Context, p *planter) error {
	d := one("sensors", "Sensor", "{spec: {type: object, properties: {title: {type: string}}}, status: {type: object, properties: {phase: {type: string}}}}")
	d.versions[0].more = ""
	return p.define(ctx, d)
}

func collides(ctx context.Context, p *planter) error {
	d := one("deploys", "Deployment", titled)
	return p.define(ctx, d)
}

func takesAnything(ctx context.Context, p *planter) error {
	return p.define(ctx, one("blobs", "Blob", "{spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}"))
}

func unhygienic(ctx context.Context, p *planter) error {
	d := definition{plural: "drafts", kind: "Draft", undescribed: true, versions: []version{{
		name: "v1alpha1", stored: true, properties: titled,
		more: "additionalPrinterColumns: [{name: Owner, type: string, jsonPath: .spec.owner}]",
	}}}
	return p.define(ctx, d)
}

func costly(ctx context.Context, p *planter) error {
	return p.define(ctx, one("routes", "Route", "{spec: {type: object, properties: {hosts: {type: array, maxItems: 300, items: {type: string, maxLength: 253}, x-kubernetes-validations: ["+
		"{rule: \"self.all(a, self.exists_one(b, a == b))\", message: hosts must differ}]}}}}"))
}
