{{- define "helmmail-verify.name" -}}
{{- printf "%s-helmmail-verify" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "helmmail-verify.account" -}}
{{- .Values.serviceAccount.name | default (include "helmmail-verify.name" .) -}}
{{- end -}}

{{- define "helmmail-verify.labels" -}}
app.kubernetes.io/name: helmmail-verify
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* What is listed and, with --wait, watched. */}}
{{- define "helmmail-verify.verbs" -}}
[list{{ if .Values.wait }}, watch{{ end }}]
{{- end -}}

{{- define "helmmail-verify.job" -}}
backoffLimit: {{ .Values.backoffLimit }}
activeDeadlineSeconds: {{ .Values.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ .Values.ttlSecondsAfterFinished }}
template:
  {{- include "helmmail-verify.pod" . | nindent 2 }}
{{- end -}}

{{- define "helmmail-verify.pod" -}}
metadata:
  labels:
    app.kubernetes.io/name: helmmail-verify
    app.kubernetes.io/instance: {{ .Release.Name }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "helmmail-verify.account" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: verify
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - verify
        - {{ .Values.environment | quote }}
        - --config=/etc/helmmail/helmmail.yaml
        - --output={{ .Values.output }}
        - --deployer={{ .Values.deployer }}
        {{- if eq .Values.deployer "argocd" }}
        - --argocd-namespace={{ .Values.argocd.namespace }}
        {{- with .Values.argocd.application }}
        - --application={{ . }}
        {{- end }}
        {{- end }}
        {{- if .Values.wait }}
        - --wait
        - --timeout={{ .Values.timeout }}
        {{- end }}
        {{- if .Values.exec }}
        - --exec
        {{- end }}
        {{- if .Values.connect }}
        - --connect
        {{- end }}
        {{- if .Values.helmRecord }}
        - --helm-record
        {{- end }}
        {{- range .Values.secrets }}
        - --secret={{ . }}
        {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/helmmail
          readOnly: true
  volumes:
    - name: config
      configMap:
        name: {{ include "helmmail-verify.name" . }}
        items: # a file is called in reports as it is in the repository
          - {key: helmmail.yaml, path: helmmail.yaml}
          {{- range $index, $file := .Values.values }}
          - {key: values-{{ $index }}.yaml, path: {{ $file.name | default (printf "values-%d.yaml" $index) | quote }}}
          {{- end }}
{{- end -}}
