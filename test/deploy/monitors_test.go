package deploy

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestMonitorsGetIn: Prometheus finds the endpoint, by a port that is there, has a token
// that is made, and verifies the certificate by the name that it is made for.
func TestMonitorsGetIn(t *testing.T) {
	manifests := render(t, variants(t)["everything"])
	objects := typed(t, manifests)
	p := pod(t, objects)
	service := of[*corev1.Service](objects)[0]
	certificate := find(t, manifests, "Certificate")
	for kind, endpoint := range map[string]struct {
		path   string
		labels map[string]string
		ports  []string
	}{
		"ServiceMonitor": {"endpoints", service.Labels, []string{service.Spec.Ports[0].Name}},
		"PodMonitor":     {"podMetricsEndpoints", p.Labels, []string{p.Spec.Containers[0].Ports[0].Name}},
	} {
		monitor := find(t, manifests, kind)
		selector, _, err := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
		if err != nil || len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(endpoint.labels)) {
			t.Errorf("%s selects %v, there is %v (%v)", kind, selector, endpoint.labels, err)
		}
		endpoints, _, err := unstructured.NestedSlice(monitor.Object, "spec", endpoint.path)
		if err != nil || len(endpoints) != 1 {
			t.Fatalf("%s has the endpoints %v (%v)", kind, endpoints, err)
		}
		scrape := endpoints[0].(map[string]any)
		if !slices.Contains(endpoint.ports, text(scrape, "port")) || text(scrape, "scheme") != "https" {
			t.Errorf("%s scrapes %v, there are the ports %v", kind, scrape, endpoint.ports)
		}
		requireToken(t, objects, text(scrape, "authorization", "credentials", "name"))
		names, _, err := unstructured.NestedStringSlice(certificate.Object, "spec", "dnsNames")
		if name := text(scrape, "tlsConfig", "serverName"); err != nil || !slices.Contains(names, name) {
			t.Errorf("%s wants the certificate of %s, it is made for %v (%v)", kind, name, names, err)
		}
		if secret := text(scrape, "tlsConfig", "ca", "secret", "name"); secret != text(certificate.Object, "spec", "secretName") || secret != p.Spec.Volumes[0].Secret.SecretName {
			t.Errorf("%s takes the CA from %s, the pod its certificate from %s", kind, secret, p.Spec.Volumes[0].Secret.SecretName)
		}
	}
}

// text is a string within an object.
func text(object map[string]any, path ...string) string {
	value, _, _ := unstructured.NestedString(object, path...)
	return value
}

// requireToken wants a Secret whose token the API server writes, for an account that is made.
func requireToken(t *testing.T, objects []runtime.Object, name string) {
	t.Helper()
	accounts := map[string]bool{}
	for _, a := range of[*corev1.ServiceAccount](objects) {
		accounts[a.Name] = true
	}
	for _, s := range of[*corev1.Secret](objects) {
		if s.Name == name && s.Type == corev1.SecretTypeServiceAccountToken && accounts[s.Annotations[corev1.ServiceAccountNameKey]] {
			return
		}
	}
	t.Errorf("there is no Secret %s with a token of one of %v", name, slices.Sorted(maps.Keys(accounts)))
}
