{{/* The pod of both modes. */}}
{{- define "crdwatch.pod" -}}
metadata:
  labels:
    {{- include "crdwatch.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: crdwatch
    {{- if .Values.audit.config }}
    # It is read at the start only.
    checksum/audit-config: {{ sha256sum .Values.audit.config }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "crdwatch.serviceAccountName" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  # Above the 15 s in which crdwatch says goodbye to its clients and closes the history.
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    # The volume may have many files; they are ours unless it is new.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
  - name: crdwatch
    image: {{ include "crdwatch.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      {{- include "crdwatch.args" . | nindent 4 }}
    env:
    # The heap may take 95 % of the memory limit: so many millions of bytes as the limit
    # has mebibytes.
    - name: MEMORY_LIMIT_MIB
      valueFrom:
        resourceFieldRef:
          resource: limits.memory
          divisor: 1Mi
    - name: GOMEMLIMIT
      value: $(MEMORY_LIMIT_MIB)000000
    ports:
    - name: report
      containerPort: 8443
      protocol: TCP
    - name: probes
      containerPort: 8081
      protocol: TCP
    startupProbe:
      httpGet:
        path: /startupz
        port: probes
      {{- toYaml .Values.probes.startup | nindent 6 }}
    livenessProbe:
      httpGet:
        path: /livez
        port: probes
      {{- toYaml .Values.probes.liveness | nindent 6 }}
    readinessProbe:
      httpGet:
        path: /readyz
        port: probes
      {{- toYaml .Values.probes.readiness | nindent 6 }}
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        drop: [ALL]
      privileged: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      {{- include "crdwatch.mounts" . | nindent 4 }}
  volumes:
    {{- include "crdwatch.volumes" . | nindent 2 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "crdwatch.args" -}}
- serve
- --auth=kubernetes
- --report-address=:8443
- --probe-address=:8081
- --tls-cert-file=/etc/crdwatch/tls/tls.crt
- --tls-private-key-file=/etc/crdwatch/tls/tls.key
{{- with .Values.auth.clientCA }}
{{- if .secretName }}
- --client-ca-file=/etc/crdwatch/client-ca/{{ .key }}
{{- end }}
{{- end }}
{{- range .Values.auth.audiences }}
- {{ printf "--token-audience=%s" . | quote }}
{{- end }}
{{- if eq .Values.mode "persistent" }}
- --data-dir=/var/lib/crdwatch
- {{ printf "--retention=%s" .Values.history.retention | quote }}
{{- with .Values.history.maxSize }}
- {{ printf "--max-size=%s" . | quote }}
{{- end }}
{{- end }}
{{- range .Values.selection.groups }}
- {{ printf "--group=%s" . | quote }}
{{- end }}
{{- range .Values.selection.exclude }}
- {{ printf "--exclude=%s" . | quote }}
{{- end }}
{{- if not .Values.audit.enabled }}
- --audit=false
{{- else if .Values.audit.config }}
- --audit-config=/etc/crdwatch/audit/audit.yaml
{{- end }}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "crdwatch.mounts" -}}
- name: tls
  mountPath: /etc/crdwatch/tls
  readOnly: true
{{- if .Values.auth.clientCA.secretName }}
- name: client-ca
  mountPath: /etc/crdwatch/client-ca
  readOnly: true
{{- end }}
{{- if and .Values.audit.enabled .Values.audit.config }}
- name: audit
  mountPath: /etc/crdwatch/audit
  readOnly: true
{{- end }}
{{- if eq .Values.mode "persistent" }}
- name: data
  mountPath: /var/lib/crdwatch
# SQLite sorts there what is too much for its memory.
- name: tmp
  mountPath: /tmp
{{- end }}
{{- end -}}

{{- define "crdwatch.volumes" -}}
- name: tls
  secret:
    secretName: {{ include "crdwatch.tlsSecret" . }}
    items:
    - key: tls.crt
      path: tls.crt
    - key: tls.key
      path: tls.key
{{- with .Values.auth.clientCA }}
{{- if .secretName }}
- name: client-ca
  secret:
    secretName: {{ .secretName }}
    items:
    - key: {{ .key }}
      path: {{ .key }}
{{- end }}
{{- end }}
{{- if and .Values.audit.enabled .Values.audit.config }}
- name: audit
  configMap:
    name: {{ include "crdwatch.fullname" . }}-audit
{{- end }}
{{- if eq .Values.mode "persistent" }}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- end }}
{{- end -}}
