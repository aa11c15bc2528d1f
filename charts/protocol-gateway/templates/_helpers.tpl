{{/* Names of this release's objects: at most 63 characters, with room for what is appended. */}}
{{- define "pgw.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "pgw.fullname" -}}
{{- $name := include "pgw.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a Deployment and its Service find pods by: never changes within a release. */}}
{{- define "pgw.selector" -}}
app.kubernetes.io/name: {{ include "pgw.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* No app.kubernetes.io/managed-by of the operator here: it would take the objects for its own. */}}
{{- define "pgw.labels" -}}
{{ include "pgw.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "pgw.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pgw.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* dict "image" and "root": repository:tag or repository@digest. */}}
{{- define "pgw.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Of every pod of this chart: what Pod Security `restricted` asks for, and more. */}}
{{- define "pgw.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "pgw.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* A part of files/operator-rules.yaml, the one place that says what the operator may do. */}}
{{- define "pgw.rules" -}}
{{- $rules := .root.Files.Get "files/operator-rules.yaml" | fromYaml -}}
{{- index $rules .part | toYaml -}}
{{- end -}}

{{/* The namespace of the gateway of `helm test`: one that is watched. */}}
{{- define "pgw.testNamespace" -}}
{{- if and .Values.watchNamespaces (not (has .Release.Namespace .Values.watchNamespaces)) -}}
{{- first .Values.watchNamespaces -}}
{{- else -}}
{{- .Release.Namespace -}}
{{- end -}}
{{- end -}}
