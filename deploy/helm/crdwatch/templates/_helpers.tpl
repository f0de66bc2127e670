{{/* The name of everything. */}}
{{- define "crdwatch.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What is in the cluster once is named after the namespace, too, unless that says nothing new. */}}
{{- define "crdwatch.clusterName" -}}
{{- $name := include "crdwatch.fullname" . -}}
{{- if eq $name .Release.Namespace -}}
{{- $name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace $name -}}
{{- end -}}
{{- end -}}

{{- define "crdwatch.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "crdwatch.labels" -}}
{{ include "crdwatch.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "crdwatch.serviceAccountName" -}}
{{- default (include "crdwatch.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "crdwatch.tlsSecret" -}}
{{- default (printf "%s-tls" (include "crdwatch.fullname" .)) .Values.tls.secretName -}}
{{- end -}}

{{/* The Secret with the token for Prometheus. */}}
{{- define "crdwatch.tokenSecret" -}}
{{- default (printf "%s-metrics" (include "crdwatch.fullname" .)) .Values.metrics.token.secretName -}}
{{- end -}}

{{/* Not empty where that Secret is to be made. */}}
{{- define "crdwatch.makesToken" -}}
{{- if and (or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled) (not .Values.metrics.token.secretName) -}}
yes
{{- end -}}
{{- end -}}

{{- define "crdwatch.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The name of the Service, as certificates and monitors know it. */}}
{{- define "crdwatch.host" -}}
{{- printf "%s.%s.svc" (include "crdwatch.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* How Prometheus gets in, for both kinds of monitors. */}}
{{- define "crdwatch.scrape" -}}
port: report
path: /metrics
scheme: https
authorization:
  type: Bearer
  credentials:
    name: {{ include "crdwatch.tokenSecret" . }}
    key: {{ .Values.metrics.token.key }}
tlsConfig:
{{- if .Values.metrics.tlsConfig }}
  {{- toYaml .Values.metrics.tlsConfig | nindent 2 }}
{{- else }}
  ca:
    secret:
      name: {{ include "crdwatch.tlsSecret" . }}
      key: ca.crt
  serverName: {{ include "crdwatch.host" . }}
{{- end }}
{{- end -}}
