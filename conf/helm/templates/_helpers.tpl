{{- define "oxpecker.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end -}}

{{- define "oxpecker.configMap" -}}
{{ .Values.sidecar.configMap | default (printf "%s-oxpecker" .Release.Name) }}
{{- end -}}

{{- define "oxpecker.probe" -}}
httpGet:
  path: {{ . }}
  port: 9464
{{- end -}}

{{- define "oxpecker.locked" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "oxpecker.field" -}}
- name: {{ index . 0 }}
  valueFrom:
    fieldRef:
      fieldPath: {{ index . 1 }}
{{- end -}}

{{- define "oxpecker.mount" -}}
- name: {{ index . 0 }}
  mountPath: {{ index . 1 }}
{{- end -}}

{{- define "oxpecker.volume" -}}
- name: {{ index . 0 }}
  emptyDir:
    sizeLimit: {{ index . 1 }}
{{- end -}}

{{- define "oxpecker.app" -}}
name: app
image: {{ .Values.app.image }}
ports:
  - name: http
    containerPort: {{ .Values.app.port }}
env:
  {{- toYaml .Values.app.env | nindent 2 }}
startupProbe:
  {{- include "oxpecker.probe" "/health/app" | nindent 2 }}
  failureThreshold: 30
livenessProbe:
  {{- include "oxpecker.probe" "/health/app" | nindent 2 }}
  failureThreshold: 3
lifecycle:
  preStop:
    sleep:
      seconds: 5
resources:
  {{- toYaml .Values.app.resources | nindent 2 }}
{{ include "oxpecker.locked" . }}
volumeMounts:
  {{- include "oxpecker.mount" (list "sockets" "/run/app") | nindent 2 }}
  {{- include "oxpecker.mount" (list "logs" "/var/log/app") | nindent 2 }}
  {{- include "oxpecker.mount" (list "tmp" "/tmp") | nindent 2 }}
{{- end -}}

{{- define "oxpecker.sidecar" -}}
name: oxpecker
image: {{ .Values.sidecar.image }}
{{- if .Values.sidecar.native }}
restartPolicy: Always
startupProbe:
  {{- include "oxpecker.probe" "/health/startup" | nindent 2 }}
  periodSeconds: 1
  failureThreshold: 60
{{- else }}
lifecycle:
  preStop:
    sleep:
      seconds: 10
{{- end }}
ports:
  - name: metrics
    containerPort: 9464
env:
  {{- include "oxpecker.field" (list "OTEL_SERVICE_NAME" "metadata.labels['app.kubernetes.io/name']") | nindent 2 }}
  {{- include "oxpecker.field" (list "POD_NAME" "metadata.name") | nindent 2 }}
  {{- include "oxpecker.field" (list "POD_NAMESPACE" "metadata.namespace") | nindent 2 }}
  {{- include "oxpecker.field" (list "NODE_NAME" "spec.nodeName") | nindent 2 }}
  {{- with .Values.sidecar.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
livenessProbe:
  {{- include "oxpecker.probe" "/health/liveness" | nindent 2 }}
readinessProbe:
  {{- include "oxpecker.probe" "/health/readiness" | nindent 2 }}
resources:
  {{- toYaml .Values.sidecar.resources | nindent 2 }}
{{ include "oxpecker.locked" . }}
volumeMounts:
  {{- include "oxpecker.mount" (list "sockets" "/run/app") | nindent 2 }}
  {{- include "oxpecker.mount" (list "logs" "/var/log/app") | nindent 2 }}
  {{- include "oxpecker.mount" (list "state" "/var/lib/oxpecker") | nindent 2 }}
  {{- include "oxpecker.mount" (list "config" "/etc/oxpecker") | nindent 2 }}
    readOnly: true
  {{- if .Values.sidecar.secret }}
  {{- include "oxpecker.mount" (list "secrets" "/run/secrets/oxpecker") | nindent 2 }}
    readOnly: true
  {{- end }}
{{- end -}}

{{- define "oxpecker.volumes" -}}
{{ include "oxpecker.volume" (list "sockets" "16Mi") }}
{{ include "oxpecker.volume" (list "logs" "1Gi") }}
{{ include "oxpecker.volume" (list "state" "512Mi") }}
{{ include "oxpecker.volume" (list "tmp" "64Mi") }}
- name: config
  configMap:
    name: {{ include "oxpecker.configMap" . }}
{{- with .Values.sidecar.secret }}
- name: secrets
  secret:
    secretName: {{ . }}
    optional: false
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "oxpecker.endpoint" -}}
port: metrics
interval: 15s
scrapeTimeout: 10s
relabelings:
  - targetLabel: sidecar
    replacement: oxpecker
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: node
{{- end -}}
