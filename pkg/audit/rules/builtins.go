package rules

import (
	"slices"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// builtins are the resources of Kubernetes itself that can be listed and are served
// without a feature gate, from the discovery documents of Kubernetes 1.37.
func builtins() []audit.Peer {
	return slices.Concat(coreBuiltins(), groupBuiltins())
}

func coreBuiltins() []audit.Peer {
	return []audit.Peer{
		{Group: "", Plural: "componentstatuses", Singular: "componentstatus", Kind: "ComponentStatus", ShortNames: []string{"cs"}},
		{Group: "", Plural: "configmaps", Singular: "configmap", Kind: "ConfigMap", ShortNames: []string{"cm"}},
		{Group: "", Plural: "endpoints", Singular: "endpoints", Kind: "Endpoints", ShortNames: []string{"ep"}},
		{Group: "", Plural: "events", Singular: "event", Kind: "Event", ShortNames: []string{"ev"}},
		{Group: "", Plural: "limitranges", Singular: "limitrange", Kind: "LimitRange", ShortNames: []string{"limits"}},
		{Group: "", Plural: "namespaces", Singular: "namespace", Kind: "Namespace", ShortNames: []string{"ns"}},
		{Group: "", Plural: "nodes", Singular: "node", Kind: "Node", ShortNames: []string{"no"}},
		{Group: "", Plural: "persistentvolumeclaims", Singular: "persistentvolumeclaim", Kind: "PersistentVolumeClaim", ShortNames: []string{"pvc"}},
		{Group: "", Plural: "persistentvolumes", Singular: "persistentvolume", Kind: "PersistentVolume", ShortNames: []string{"pv"}},
		{Group: "", Plural: "pods", Singular: "pod", Kind: "Pod", ShortNames: []string{"po"}},
		{Group: "", Plural: "podtemplates", Singular: "podtemplate", Kind: "PodTemplate"},
		{Group: "", Plural: "replicationcontrollers", Singular: "replicationcontroller", Kind: "ReplicationController", ShortNames: []string{"rc"}},
		{Group: "", Plural: "resourcequotas", Singular: "resourcequota", Kind: "ResourceQuota", ShortNames: []string{"quota"}},
		{Group: "", Plural: "secrets", Singular: "secret", Kind: "Secret"},
		{Group: "", Plural: "serviceaccounts", Singular: "serviceaccount", Kind: "ServiceAccount", ShortNames: []string{"sa"}},
		{Group: "", Plural: "services", Singular: "service", Kind: "Service", ShortNames: []string{"svc"}},
	}
}

func groupBuiltins() []audit.Peer {
	return []audit.Peer{
		{Group: "admissionregistration.k8s.io", Plural: "mutatingadmissionpolicies", Singular: "mutatingadmissionpolicy", Kind: "MutatingAdmissionPolicy"},
		{Group: "admissionregistration.k8s.io", Plural: "mutatingadmissionpolicybindings", Singular: "mutatingadmissionpolicybinding", Kind: "MutatingAdmissionPolicyBinding"},
		{Group: "admissionregistration.k8s.io", Plural: "mutatingwebhookconfigurations", Singular: "mutatingwebhookconfiguration", Kind: "MutatingWebhookConfiguration"},
		{Group: "admissionregistration.k8s.io", Plural: "validatingadmissionpolicies", Singular: "validatingadmissionpolicy", Kind: "ValidatingAdmissionPolicy"},
		{Group: "admissionregistration.k8s.io", Plural: "validatingadmissionpolicybindings", Singular: "validatingadmissionpolicybinding", Kind: "ValidatingAdmissionPolicyBinding"},
		{Group: "admissionregistration.k8s.io", Plural: "validatingwebhookconfigurations", Singular: "validatingwebhookconfiguration", Kind: "ValidatingWebhookConfiguration"},
		{Group: "apiextensions.k8s.io", Plural: "customresourcedefinitions", Singular: "customresourcedefinition", Kind: "CustomResourceDefinition", ShortNames: []string{"crd", "crds"}},
		{Group: "apiregistration.k8s.io", Plural: "apiservices", Singular: "apiservice", Kind: "APIService"},
		{Group: "apps", Plural: "controllerrevisions", Singular: "controllerrevision", Kind: "ControllerRevision"},
		{Group: "apps", Plural: "daemonsets", Singular: "daemonset", Kind: "DaemonSet", ShortNames: []string{"ds"}},
		{Group: "apps", Plural: "deployments", Singular: "deployment", Kind: "Deployment", ShortNames: []string{"deploy"}},
		{Group: "apps", Plural: "replicasets", Singular: "replicaset", Kind: "ReplicaSet", ShortNames: []string{"rs"}},
		{Group: "apps", Plural: "statefulsets", Singular: "statefulset", Kind: "StatefulSet", ShortNames: []string{"sts"}},
		{Group: "autoscaling", Plural: "horizontalpodautoscalers", Singular: "horizontalpodautoscaler", Kind: "HorizontalPodAutoscaler", ShortNames: []string{"hpa"}},
		{Group: "batch", Plural: "cronjobs", Singular: "cronjob", Kind: "CronJob", ShortNames: []string{"cj"}},
		{Group: "batch", Plural: "jobs", Singular: "job", Kind: "Job"},
		{Group: "certificates.k8s.io", Plural: "certificatesigningrequests", Singular: "certificatesigningrequest", Kind: "CertificateSigningRequest", ShortNames: []string{"csr"}},
		{Group: "certificates.k8s.io", Plural: "clustertrustbundles", Singular: "clustertrustbundle", Kind: "ClusterTrustBundle"},
		{Group: "certificates.k8s.io", Plural: "podcertificaterequests", Singular: "podcertificaterequest", Kind: "PodCertificateRequest"},
		{Group: "coordination.k8s.io", Plural: "leases", Singular: "lease", Kind: "Lease"},
		{Group: "discovery.k8s.io", Plural: "endpointslices", Singular: "endpointslice", Kind: "EndpointSlice"},
		{Group: "flowcontrol.apiserver.k8s.io", Plural: "flowschemas", Singular: "flowschema", Kind: "FlowSchema"},
		{Group: "flowcontrol.apiserver.k8s.io", Plural: "prioritylevelconfigurations", Singular: "prioritylevelconfiguration", Kind: "PriorityLevelConfiguration"},
		{Group: "networking.k8s.io", Plural: "ingressclasses", Singular: "ingressclass", Kind: "IngressClass"},
		{Group: "networking.k8s.io", Plural: "ingresses", Singular: "ingress", Kind: "Ingress", ShortNames: []string{"ing"}},
		{Group: "networking.k8s.io", Plural: "ipaddresses", Singular: "ipaddress", Kind: "IPAddress", ShortNames: []string{"ip"}},
		{Group: "networking.k8s.io", Plural: "networkpolicies", Singular: "networkpolicy", Kind: "NetworkPolicy", ShortNames: []string{"netpol"}},
		{Group: "networking.k8s.io", Plural: "servicecidrs", Singular: "servicecidr", Kind: "ServiceCIDR"},
		{Group: "node.k8s.io", Plural: "runtimeclasses", Singular: "runtimeclass", Kind: "RuntimeClass"},
		{Group: "policy", Plural: "poddisruptionbudgets", Singular: "poddisruptionbudget", Kind: "PodDisruptionBudget", ShortNames: []string{"pdb"}},
		{Group: "rbac.authorization.k8s.io", Plural: "clusterrolebindings", Singular: "clusterrolebinding", Kind: "ClusterRoleBinding"},
		{Group: "rbac.authorization.k8s.io", Plural: "clusterroles", Singular: "clusterrole", Kind: "ClusterRole"},
		{Group: "rbac.authorization.k8s.io", Plural: "rolebindings", Singular: "rolebinding", Kind: "RoleBinding"},
		{Group: "rbac.authorization.k8s.io", Plural: "roles", Singular: "role", Kind: "Role"},
		{Group: "resource.k8s.io", Plural: "deviceclasses", Singular: "deviceclass", Kind: "DeviceClass"},
		{Group: "resource.k8s.io", Plural: "devicetaintrules", Singular: "devicetaintrule", Kind: "DeviceTaintRule"},
		{Group: "resource.k8s.io", Plural: "resourceclaims", Singular: "resourceclaim", Kind: "ResourceClaim"},
		{Group: "resource.k8s.io", Plural: "resourceclaimtemplates", Singular: "resourceclaimtemplate", Kind: "ResourceClaimTemplate"},
		{Group: "resource.k8s.io", Plural: "resourceslices", Singular: "resourceslice", Kind: "ResourceSlice"},
		{Group: "scheduling.k8s.io", Plural: "priorityclasses", Singular: "priorityclass", Kind: "PriorityClass", ShortNames: []string{"pc"}},
		{Group: "storage.k8s.io", Plural: "csidrivers", Singular: "csidriver", Kind: "CSIDriver"},
		{Group: "storage.k8s.io", Plural: "csinodes", Singular: "csinode", Kind: "CSINode"},
		{Group: "storage.k8s.io", Plural: "csistoragecapacities", Singular: "csistoragecapacity", Kind: "CSIStorageCapacity"},
		{Group: "storage.k8s.io", Plural: "storageclasses", Singular: "storageclass", Kind: "StorageClass", ShortNames: []string{"sc"}},
		{Group: "storage.k8s.io", Plural: "volumeattachments", Singular: "volumeattachment", Kind: "VolumeAttachment"},
		{Group: "storage.k8s.io", Plural: "volumeattributesclasses", Singular: "volumeattributesclass", Kind: "VolumeAttributesClass", ShortNames: []string{"vac"}},
		{Group: "storagemigration.k8s.io", Plural: "storageversionmigrations", Singular: "storageversionmigration", Kind: "StorageVersionMigration"},
	}
}
