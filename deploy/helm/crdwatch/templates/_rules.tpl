{{/* What crdwatch may read whatever the types are, and what it asks about its callers. */}}
{{- define "crdwatch.ownRules" -}}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [storagemigration.k8s.io]
  resources: [storageversionmigrations]
  verbs: [get, list, watch]
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end -}}

{{/* The rules of the first ClusterRole in what crdwatch rbac printed. */}}
{{- define "crdwatch.printedRules" -}}
{{- $found := dict -}}
{{- range regexSplit "(?m)^---\\s*$" .Values.rbac.clusterRole -1 -}}
{{- $document := fromYaml . -}}
{{- if and (eq (toString $document.kind) "ClusterRole") (not $found.rules) -}}
{{- $_ := set $found "rules" $document.rules -}}
{{- end -}}
{{- if eq (toString $document.kind) "Role" -}}
{{- fail "rbac.clusterRole: there is a Role in it, which the chart would leave out; print it without --namespace" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rbac.clusterRole (not $found.rules) -}}
{{- fail "rbac.clusterRole: there is no ClusterRole with rules in it; want the output of crdwatch rbac" -}}
{{- end -}}
{{- toYaml (default list $found.rules) -}}
{{- end -}}

{{/* All rules: those above, then those given that are not among them. */}}
{{- define "crdwatch.rules" -}}
{{- $own := include "crdwatch.ownRules" . | fromYamlArray -}}
{{- $rules := $own -}}
{{- range concat (include "crdwatch.printedRules" . | fromYamlArray) .Values.rbac.rules -}}
{{- if not (has . $own) -}}
{{- include "crdwatch.checkRule" . -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}

{{/* crdwatch only reads, what is named, and nothing of the core group. */}}
{{- define "crdwatch.checkRule" -}}
{{- if or (not .apiGroups) (not .resources) (not .verbs) -}}
{{- fail (printf "rbac: the rule %s lacks apiGroups, resources or verbs" (toJson .)) -}}
{{- end -}}
{{- range .apiGroups -}}
{{- if or (eq . "") (contains "*" .) -}}
{{- fail (printf "rbac: the API group %q is not granted: no wildcards, and nothing of the core group; bind a role of your own if you want it" .) -}}
{{- end -}}
{{- end -}}
{{- range .resources -}}
{{- if contains "*" . -}}
{{- fail (printf "rbac: the resource %q is not granted: no wildcards; bind a role of your own if you want it" .) -}}
{{- end -}}
{{- end -}}
{{- range .verbs -}}
{{- if not (has . (list "get" "list" "watch")) -}}
{{- fail (printf "rbac: the verb %q is not granted: crdwatch only reads" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
