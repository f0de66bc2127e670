package realcrds

import "github.com/crdwatch/crdwatch/test/realcrds/internal/sample"

// hints help to make an object of a CRD whose rules cannot be guessed.
var hints = map[string]sample.Hints{
	"backendtrafficpolicies.gateway.envoyproxy.io":          envoyPolicy,
	"baselineadminnetworkpolicies.policy.networking.k8s.io": {"metadata.name": "default"},
	"configurations.pkg.crossplane.io":                      crossplanePackage,
	"functions.pkg.crossplane.io":                           crossplanePackage,
	"providers.pkg.crossplane.io":                           crossplanePackage,
	"jobsets.jobset.x-k8s.io":                               {"spec.replicatedJobs[].dependsOn": nil},
	"envoyextensionpolicies.gateway.envoyproxy.io":          envoyPolicy,
	"securitypolicies.gateway.envoyproxy.io":                envoyPolicy,
}

// envoyPolicy is attached in one of three ways, and may be merged in one of them.
var envoyPolicy = sample.Hints{
	"spec.targetRef":       map[string]any{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "sample"},
	"spec.targetRefs":      nil,
	"spec.targetSelectors": nil,
}

// crossplanePackage must name an image with its registry and tag.
var crossplanePackage = sample.Hints{"spec.package": "registry.example.com/a/b:v1"}

// refused are the CRDs that the API server does not take, and why.
var refused = map[string]string{}

// noObject are the CRDs of which no valid object can be made without knowing what it
// means, and why. They are only discovered and watched.
var noObject = map[string]string{}

// noStatus are those whose status cannot be guessed.
var noStatus = map[string]string{}

// noChange are those of whose objects no field can be changed, but for labels.
var noChange = map[string]string{
	"configurationstates.metallb.io":                          noFields,
	"gkeconfigs.bootstrap.cluster.x-k8s.io":                   noFields,
	"gkeconfigtemplates.bootstrap.cluster.x-k8s.io":           noFields,
	"nodeclaims.karpenter.sh":                                 immutable,
	"servicebgpstatuses.metallb.io":                           noFields,
	"servicel2statuses.metallb.io":                            noFields,
	"uuids.generators.external-secrets.io":                    noFields,
	"volumegroupsnapshotclasses.groupsnapshot.storage.k8s.io": immutable,
}

const (
	noFields  = "it has no fields outside of its status"
	immutable = "all its fields are immutable"
)

// noApply are those of which a single field cannot be applied.
var noApply = map[string]string{}

// untracked are those of whose writes the API server keeps no managedFields, so that
// the events cannot have managers.
var untracked = map[string]string{
	"configurationstates.metallb.io":          "an object that is created without a field gets none until it is applied",
	"volumesnapshots.snapshot.storage.k8s.io": "status.restoreSize is both a string and an int-or-string: the integer is valid, but to managedFields it is no string",
}

// noSchema are the versions (name/version) whose schema cannot be converted.
var noSchema = map[string]string{}
