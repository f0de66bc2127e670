package realcrds

// source is a Go module that carries CRDs as plain YAML.
type source struct {
	module, version string
	// sum is the module's checksum, as go.sum has it.
	sum string
	// files are patterns of the files to take. Modules often carry a CRD several
	// times (for Helm, for kubectl, for tests), and those of other projects too: the
	// patterns pick one.
	files []string
}

// sources are in no order that matters. To add one, run the test with an empty sum:
// it tells the right one.
var sources = []source{
	{
		module: "github.com/argoproj/argo-cd/v3", version: "v3.2.0",
		sum:   "h1:m2eGAV+nXQGgzZbH5SyJD5laaPW27mzWXBrgisUHY/0=",
		files: []string{"manifests/crds/*-crd.yaml"},
	},
	{
		module: "github.com/argoproj/argo-rollouts", version: "v1.8.3",
		sum:   "h1:blbtQva4IK9r6gFh+dWkCrLnFdPOWiv9ubQYu36qeaA=",
		files: []string{"manifests/crds/*-crd.yaml"},
	},
	{
		module: "github.com/cert-manager/cert-manager", version: "v1.21.2",
		sum:   "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
		files: []string{"deploy/crds/*.yaml"},
	},
	{
		module: "github.com/chaos-mesh/chaos-mesh", version: "v0.9.1-0.20260902003049-47411975a8cb",
		sum:   "h1:0TeWmCELKreoLAXuoPaO2qpJe73foDgOoyU3fdKQN4A=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/cilium/cilium", version: "v1.20.2",
		sum:   "h1:dqiEGIcXc+gqCLYG/l7VCFJ8GHyb4HUrwbZOpkX5dL8=",
		files: []string{"pkg/k8s/apis/cilium.io/client/crds/*/*.yaml"},
	},
	{
		module: "github.com/cloudnative-pg/cloudnative-pg", version: "v1.25.1",
		sum:   "h1:Yc6T7ikQ1AiWXBQht+6C3DoihrIpUN2OkM1dIwqadTo=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/crossplane/crossplane/v2", version: "v2.0.0",
		sum:   "h1:emytfpd+8VXVE3KcgmfbzltEgVFzk4w8dW3lEZF/mg4=",
		files: []string{"cluster/crds/*.yaml"},
	},
	{
		module: "github.com/elastic/cloud-on-k8s/v3", version: "v3.5.0",
		sum:   "h1:sR4oj+gNnwI9hgsKhBwjUlx+5F2T/kND40hrzaogtek=",
		files: []string{"config/crds/v1/resources/*.yaml"},
	},
	{
		module: "github.com/envoyproxy/gateway", version: "v1.9.1",
		sum:   "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=",
		files: []string{"charts/gateway-helm/charts/crds/crds/generated/*.yaml"},
	},
	{
		module: "github.com/external-secrets/external-secrets", version: "v1.3.2",
		sum:   "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
		files: []string{"deploy/crds/bundle.yaml"},
	},
	{
		module: "github.com/fluxcd/notification-controller", version: "v1.6.0",
		sum:   "h1:5C06VdqTVsbBFjtSZejnKT60U00Uyj6DAtKrqU1Si/w=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/fluxcd/source-controller", version: "v1.7.0",
		sum:   "h1:/fBgS4CSmT5Jj/fjQDF92y+pC3gst1GJjgNSzY8Ff9I=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/grafana/grafana-operator/v5", version: "v5.18.0",
		sum:   "h1:ei7N2VfjsRjY8iprenH1IDV783WeV7CP5VNp//sB4hI=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/kedacore/keda/v2", version: "v2.21.0",
		sum:   "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/kubeflow/trainer/v2", version: "v2.0.0",
		sum:   "h1:mnQSR9iPKItxyUR8mq66XsmxqKNVHwr9YYOB7BTU9dU=",
		files: []string{"manifests/base/crds/*.yaml"},
	},
	{
		module: "github.com/kubeflow/training-operator", version: "v1.8.1",
		sum:   "h1:mVvoBSCInbMBX0gGSn4+Ihj3ycwoLO1iEAw+0qPhQfc=",
		files: []string{"manifests/base/crds/*.yaml"},
	},
	{
		module: "github.com/kubernetes-csi/external-snapshotter/client/v8", version: "v8.7.0",
		sum:   "h1:HVaSUeRRHPu49aSiL8eXOjS9Re9G6pM0NzdTGI7mM14=",
		files: []string{"config/crd/*.yaml"},
	},
	{
		module: "github.com/kubernetes-sigs/aws-load-balancer-controller", version: "v0.0.0-20260423195125-93ff3b5fdaad",
		sum:   "h1:sttxR+rS5X6cS1ldieB5JKVucs61EHq8XO7VKySyU5w=",
		files: []string{"helm/aws-load-balancer-controller/crds/*.yaml"},
	},
	{
		module: "github.com/kyverno/kyverno", version: "v1.19.1",
		sum:   "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU=",
		files: []string{"config/crds/*/*.yaml"},
	},
	{
		module: "github.com/mongodb/mongodb-kubernetes-operator", version: "v0.9.0",
		sum:   "h1:1SBmpQznWVbUgzi+ScNCNv6z5pLBwsSe4DUDKxHzFwc=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "github.com/open-policy-agent/gatekeeper/v3", version: "v3.23.1",
		sum:   "h1:njHTm0SJ6ZEhhEgmQTpJKTGQbc99fSs4hGiEp1OIKck=",
		files: []string{"charts/gatekeeper/crds/*.yaml"},
	},
	{
		module: "github.com/projectcontour/contour", version: "v1.33.8",
		sum:   "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0=",
		files: []string{"examples/contour/01-crds.yaml"},
	},
	{
		module: "github.com/prometheus-operator/prometheus-operator", version: "v0.85.0",
		sum:   "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		files: []string{"example/prometheus-operator-crd-full/*.yaml"},
	},
	{
		module: "github.com/tektoncd/pipeline", version: "v1.0.0",
		sum:   "h1:qq/BtjwtvZV7qhd6BnL5sGoBM4vVqpCtz/+hMbs6p94=",
		files: []string{"config/300-crds/*.yaml"},
	},
	{
		module: "github.com/traefik/traefik/v3", version: "v3.7.13",
		sum:   "h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw=",
		files: []string{"docs/content/reference/dynamic-configuration/traefik.*.yaml"},
	},
	{
		module: "github.com/vmware-tanzu/velero", version: "v1.18.3",
		sum:   "h1:9uwN5yxTWQl9PsF5ljX4xiG+7VIq3I9mxOQ0DyyZ31A=",
		files: []string{"config/crd/*/bases/*.yaml"},
	},
	{
		module: "go.universe.tf/metallb", version: "v0.16.2",
		sum:   "h1:RCSAGoZmqcvTg0e56+Okbwz8iTuQVX30JpKX5mYEPUM=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "istio.io/api", version: "v1.31.1",
		sum:   "h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk=",
		files: []string{"kubernetes/customresourcedefinitions.gen.yaml"},
	},
	{
		module: "k8s.io/autoscaler/vertical-pod-autoscaler", version: "v1.8.1",
		sum:   "h1:Pe8bV1wozN4gOKO1rleiIY5alIyAXN+DnXDbXQcL4fI=",
		files: []string{"deploy/vpa-v1-crd-gen.yaml"},
	},
	{
		module: "knative.dev/eventing", version: "v0.46.0",
		sum:   "h1:DGkvUcZagkvvcRxf5jh/usdictP8BWa7kHgIocfT4MY=",
		files: []string{"config/core/resources/*.yaml", "config/channels/in-memory-channel/resources/*.yaml"},
	},
	{
		module: "knative.dev/serving", version: "v0.51.0",
		sum:   "h1:yN2Q7eYqJgoPfZkATjoBZyGbZ2P1Qhns9HIMU4mF+to=",
		files: []string{"config/core/300-resources/*.yaml"},
	},
	{
		module: "sigs.k8s.io/cluster-api", version: "v1.14.2",
		sum: "h1:o3GFNaeNFAOEEMpDPfhCK+2CjmV6gtQ8yLEcUwCg7bA=",
		files: []string{
			"core/config/crd/bases/*.yaml", "bootstrap/kubeadm/config/crd/bases/*.yaml",
			"controlplane/kubeadm/config/crd/bases/*.yaml", "cmd/clusterctl/config/crd/bases/*.yaml",
		},
	},
	{
		module: "sigs.k8s.io/cluster-api-provider-aws/v2", version: "v2.13.0",
		sum:   "h1:yQz7GBrIkPLuEJ5MXNuZ/6eUssTJK8reUnZ6t5QIPnU=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "sigs.k8s.io/cluster-api-provider-gcp", version: "v1.13.1",
		sum:   "h1:l4zdwsHFwcA8CP5P4NPar9fUu5kMwucKhp2IQBHduJs=",
		files: []string{"config/crd/bases/*.yaml"},
	},
	{
		module: "sigs.k8s.io/gateway-api", version: "v1.4.1",
		sum:   "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
		files: []string{"config/crd/experimental/gateway.networking.*.yaml"},
	},
	{
		module: "sigs.k8s.io/jobset", version: "v0.8.0",
		sum:   "h1:80cJcPld+IMdKFOqzEW4et3Y6lGAPcP8YmBZ+aiKGYA=",
		files: []string{"config/components/crd/bases/*.yaml"},
	},
	{
		module: "sigs.k8s.io/karpenter", version: "v1.8.0",
		sum:   "h1:AmTHUPtnuL8IX9mbcD3NOohyk62idrBCBtM+8Wn6Jvk=",
		files: []string{"pkg/apis/crds/*.yaml"},
	},
	{
		module: "sigs.k8s.io/network-policy-api", version: "v0.1.1",
		sum:   "h1:KDW+AkvCCQI3h8yH8j0hurhvPLNtLeVvmZoqtMaG9ew=",
		files: []string{"config/crd/policy.networking.*.yaml"},
	},
}
