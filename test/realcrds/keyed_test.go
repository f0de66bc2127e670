package realcrds

import (
	"encoding/json"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// keyedLists are well-known associative lists. In each, the two items change places
// and the one called b changes a field: by its keys that is one change, by position
// it would be many.
var keyedLists = []struct {
	crd, old, new string
	path          string
}{
	{
		crd:  "certificates.cert-manager.io",
		old:  `{"status":{"conditions":[{"type":"a","status":"True"},{"type":"b","status":"True"}]}}`,
		new:  `{"status":{"conditions":[{"type":"b","status":"False"},{"type":"a","status":"True"}]}}`,
		path: `.status.conditions[type="b"].status`,
	},
	{
		crd:  "gateways.gateway.networking.k8s.io",
		old:  `{"spec":{"listeners":[{"name":"a","port":80},{"name":"b","port":81}]}}`,
		new:  `{"spec":{"listeners":[{"name":"b","port":82},{"name":"a","port":80}]}}`,
		path: `.spec.listeners[name="b"].port`,
	},
	{ // one within another
		crd:  "gateways.gateway.networking.k8s.io",
		old:  `{"status":{"listeners":[{"name":"a"},{"name":"b","conditions":[{"type":"a","status":"True"},{"type":"b","status":"True"}]}]}}`,
		new:  `{"status":{"listeners":[{"name":"b","conditions":[{"type":"b","status":"False"},{"type":"a","status":"True"}]},{"name":"a"}]}}`,
		path: `.status.listeners[name="b"].conditions[type="b"].status`,
	},
	{
		crd:  "prometheusrules.monitoring.coreos.com",
		old:  `{"spec":{"groups":[{"name":"a","interval":"1m"},{"name":"b","interval":"1m"}]}}`,
		new:  `{"spec":{"groups":[{"name":"b","interval":"2m"},{"name":"a","interval":"1m"}]}}`,
		path: `.spec.groups[name="b"].interval`,
	},
	{ // the keys are two
		crd:  "machines.cluster.x-k8s.io",
		old:  `{"spec":{"taints":[{"key":"k","effect":"a","value":"1"},{"key":"k","effect":"b","value":"1"}]}}`,
		new:  `{"spec":{"taints":[{"key":"k","effect":"b","value":"2"},{"key":"k","effect":"a","value":"1"}]}}`,
		path: `.spec.taints[effect="b",key="k"].value`,
	},
	{ // and one of them has a default
		crd:  "elasticsearches.elasticsearch.k8s.elastic.co",
		old:  `{"spec":{"http":{"service":{"spec":{"ports":[{"port":1,"name":"a"},{"port":2,"name":"b"}]}}}}}`,
		new:  `{"spec":{"http":{"service":{"spec":{"ports":[{"port":2,"name":"c"},{"port":1,"name":"a"}]}}}}}`,
		path: `.spec.http.service.spec.ports[port=2,protocol="TCP"].name`,
	},
	{
		crd:  "clusters.cluster.x-k8s.io",
		old:  `{"spec":{"availabilityGates":[{"conditionType":"a","polarity":"Positive"},{"conditionType":"b","polarity":"Positive"}]}}`,
		new:  `{"spec":{"availabilityGates":[{"conditionType":"b","polarity":"Negative"},{"conditionType":"a","polarity":"Positive"}]}}`,
		path: `.spec.availabilityGates[conditionType="b"].polarity`,
	},
	{
		crd:  "serviceentries.networking.istio.io",
		old:  `{"spec":{"ports":[{"name":"a","number":80},{"name":"b","number":81}]}}`,
		new:  `{"spec":{"ports":[{"name":"b","number":82},{"name":"a","number":80}]}}`,
		path: `.spec.ports[name="b"].number`,
	},
	{
		crd:  "ciliumbgpclusterconfigs.cilium.io",
		old:  `{"spec":{"bgpInstances":[{"name":"a"},{"name":"b","peers":[{"name":"a","peerASN":1},{"name":"b","peerASN":1}]}]}}`,
		new:  `{"spec":{"bgpInstances":[{"name":"b","peers":[{"name":"b","peerASN":2},{"name":"a","peerASN":1}]},{"name":"a"}]}}`,
		path: `.spec.bgpInstances[name="b"].peers[name="b"].peerASN`,
	},
	{
		crd:  "compositions.apiextensions.crossplane.io",
		old:  `{"spec":{"pipeline":[{"step":"a","functionRef":{"name":"f"}},{"step":"b","functionRef":{"name":"f"}}]}}`,
		new:  `{"spec":{"pipeline":[{"step":"b","functionRef":{"name":"g"}},{"step":"a","functionRef":{"name":"f"}}]}}`,
		path: `.spec.pipeline[step="b"].functionRef.name`,
	},
	{
		crd:  "jobsets.jobset.x-k8s.io",
		old:  `{"spec":{"replicatedJobs":[{"name":"a","replicas":1},{"name":"b","replicas":1}]}}`,
		new:  `{"spec":{"replicatedJobs":[{"name":"b","replicas":2},{"name":"a","replicas":1}]}}`,
		path: `.spec.replicatedJobs[name="b"].replicas`,
	},
	{
		crd:  "wasmplugins.extensions.istio.io",
		old:  `{"spec":{"vmConfig":{"env":[{"name":"a","value":"1"},{"name":"b","value":"1"}]}}}`,
		new:  `{"spec":{"vmConfig":{"env":[{"name":"b","value":"2"},{"name":"a","value":"1"}]}}}`,
		path: `.spec.vmConfig.env[name="b"].value`,
	},
	{ // a set: one member for another
		crd:  "servicemonitors.monitoring.coreos.com",
		old:  `{"spec":{"scrapeProtocols":["a","b"]}}`,
		new:  `{"spec":{"scrapeProtocols":["c","b","a"]}}`,
		path: `.spec.scrapeProtocols["c"]`,
	},
}

func checkKeyedLists(t *testing.T, crds []crd) {
	t.Helper()
	for _, l := range keyedLists {
		for _, c := range crds {
			if c.name != l.crd {
				continue
			}
			s, err := diff.NewSchema(c.chosen.Schema.OpenAPIV3Schema)
			if err != nil {
				t.Fatal(err)
			}
			changes, err := s.Diff(object(t, l.old), object(t, l.new), diff.Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := []diff.Change{{Path: l.path}}
			if d := gocmp.Diff(want, changes, cmpopts.IgnoreFields(diff.Change{}, "Op", "Old", "New", "Section")); d != "" {
				t.Errorf("%s, by keys (-want +got):\n%s", l.crd, d)
			}
		}
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var obj map[string]any
	if err := json.Unmarshal([]byte(text), &obj); err != nil {
		t.Fatal(err)
	}
	return obj
}
