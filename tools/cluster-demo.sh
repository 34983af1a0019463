#!/usr/bin/env bash
# Shows the operator in a cluster, from nothing to nothing: a node with a registry, a git server and a package index; the
# operator by its manifests; a notebook that ends without an exception and is broken; the same one mended, validated,
# published and run. Fails where something is not as it should be. Needs root, for the node.
set -euo pipefail
cd "$(dirname "$0")/.."

begun=$SECONDS
scratch=$(mktemp -d --tmpdir nbvet-demo-XXXXXX)
site=

bold() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi; }
note() { printf '  %s\n' "$*"; }
fail() { printf 'cluster-demo: error: %s\n' "$*" >&2; exit 1; }

# Shows a command, then runs it.
run() { printf '\n$ %s\n' "$*"; "$@"; }

# The node and all that runs on it end with the end of their input. However this script ends, that comes: bash does this
# after a signal too, and another signal does not keep it from it.
finish() {
    local child
    trap '' INT TERM HUP
    # What is under way would hold the other end of that input.
    for child in $(<"/proc/$$/task/$$/children"); do
        [ "$child" = "$site" ] || kill "$child" 2>/dev/null || true
    done
    if [ -n "$site" ]; then
        bold "Taking away the node and all that ran on it"
        exec 3>&-
        wait "$site" || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

[ "$(id -u)" = 0 ] || fail "a node needs namespaces with devices and mounts: run this as root"

bold "Building the operator's image and what starts a node: minutes the first time, seconds after that"
cargo xtask image --profile unoptimised
note "building what starts a node"
cargo build --quiet --package nbvet-operator-testkit --example cluster
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')

bold "Starting a node, a registry, a git server and a package index"
mkfifo "$scratch/end"
exec 3<>"$scratch/end"
"$target/debug/examples/cluster" site <"$scratch/end" >"$scratch/site" 2>"$scratch/site-errors" 3>&- &
site=$!
until grep -q SITE_IS_READY "$scratch/site"; do
    kill -0 "$site" 2>/dev/null || fail "$(cat "$scratch/site-errors")"
    sleep 0.2
done
# shellcheck disable=SC1091
. "$scratch/site"
PATH="$(dirname "$(sed -n 's/^# kubectl: //p' "$scratch/site")"):$PATH"
# Nothing here is reached through a proxy.
export NO_PROXY='*' no_proxy='*'
skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false --digestfile "$scratch/digest" \
    "oci:$target/nbvet-image:nbvet" "docker://$SITE_REGISTRY_OUTSIDE/nbvet/nbvet:demo"
run kubectl get nodes

bold "Installing the operator"
cp -r operator/deploy "$scratch/deploy"
cat >"$scratch/kustomization.yaml" <<KUSTOMIZATION
resources: [deploy]
images:
- {name: nbvet, newName: $SITE_REGISTRY_INSIDE/nbvet/nbvet, digest: '$(cat "$scratch/digest")'}
replacements:
- source: {kind: Deployment, name: nbvet-operator, fieldPath: 'spec.template.spec.containers.[name=operator].image'}
  targets:
  - select: {kind: Deployment, name: nbvet-operator}
    fieldPaths: ['spec.template.spec.containers.[name=operator].env.[name=NBVET_IMAGE].value']
patches:
- target: {kind: Deployment, name: nbvet-operator}
  patch: |-
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --registry=$SITE_REGISTRY_INSIDE}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --insecure-registry=$SITE_REGISTRY_INSIDE}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --ca-config-map=nbvet-ca}
KUSTOMIZATION
run kubectl apply -k "$scratch"
run kubectl wait --namespace nbvet-system --for=condition=Available --timeout=8m deployment/nbvet-operator

bold "A team: a namespace with Pod Security's strictest level, a private repository"
kubectl create namespace sensors
kubectl label namespace sensors pod-security.kubernetes.io/enforce=restricted
kubectl config set-context --current --namespace sensors >/dev/null
kubectl create secret generic git --from-literal=username="$SITE_GIT_USER" --from-literal=password="$SITE_GIT_PASSWORD"
kubectl create secret generic index --from-literal=username="$SITE_INDEX_USER" \
    --from-literal=password="$SITE_INDEX_PASSWORD"
kubectl create configmap nbvet-ca --from-file=ca.crt="$SITE_AUTHORITY"

# Commits and pushes all of the clone over https.
push() {
    git -C "$scratch/clone" add --all
    git -C "$scratch/clone" -c user.name=Alice -c user.email=alice@example.com commit --quiet --message "$1"
    GIT_SSL_CAINFO="$SITE_AUTHORITY" GIT_ASKPASS="$scratch/askpass" git -C "$scratch/clone" push --quiet \
        "${SITE_GIT_OUTSIDE/https:\/\//https://$SITE_GIT_USER@}" main
    note "pushed $(git -C "$scratch/clone" rev-parse --short=12 HEAD): $1"
}
printf '#!/bin/sh\necho "$SITE_GIT_PASSWORD"\n' >"$scratch/askpass"
chmod +x "$scratch/askpass"
cp -r fixtures/feedback "$scratch/clone"
git -C "$scratch/clone" init --quiet --initial-branch=main
push "A report of the sensors"

bold "A notebook that ends without an exception, and is broken"
cat >"$scratch/job.yaml" <<JOB
apiVersion: mlops.mlops.dev/v1alpha1
kind: NotebookValidationJob
metadata: {name: sensor-report}
spec:
  notebook:
    git: {url: "$SITE_GIT_INSIDE", ref: main, credentialsSecret: git}
    path: sensor_report.ipynb
  podConfig:
    containerImage: $SITE_BASE
    buildConfig:
      enabled: true
      requirementsFile: requirements.txt
      allowUnpinned: false
      packageIndex: {url: "$SITE_INDEX", secret: index}
      imageName: sensor-report
      imageTag: v1
      publishToRegistry: true
  validationConfig: {level: development, educationalMode: true}
JOB
sed 's/^/  | /' "$scratch/job.yaml"
run kubectl apply -f "$scratch/job.yaml"

# Shows how far a run of the job is until it has ended, and fails where it does not end in this phase.
follow() {
    local run=$1 wanted=$2 begun=$SECONDS number finished phase='' step last=
    while read -r number finished phase step; do
        [ "$number" = "$run" ] || continue
        [ "$phase $step" = "$last" ] || printf '  %3d s  %-18s %s\n' $((SECONDS - begun)) "$phase" "${step/<none>/}"
        last="$phase $step"
        [ "$finished" != True ] || break
    done < <(exec timeout 8m kubectl get nvj sensor-report --watch --no-headers 3>&- 2>/dev/null --output=custom-columns="$(
        printf '%s' 'RUN:.status.run.number,FINISHED:.status.conditions[?(@.type=="Finished")].status,' \
            'PHASE:.status.phase,STEP:.status.step.name'
    )")
    kill $! 2>/dev/null || true
    [ "$phase" = "$wanted" ] && return
    kubectl describe nvj sensor-report >&2
    kubectl describe pods >&2
    fail "run $run did not end as $wanted"
}
follow 1 Failed
run kubectl get nvj sensor-report
told=$(kubectl get nvj sensor-report --output=go-template='
{{- .status.message}}
{{range .status.educationalFeedback}}{{if eq .severity "error"}}
  cell {{.cell}}  {{.rule}}: {{.issue}}
{{with .suggestion}}          {{.}}
{{end}}{{end}}{{end}}')
printf '\n%s\n' "$told"
case $told in
    *"cell 3  NB211: both items of \`days\` are None"*"cell 4  NB312: \`mean_value\` is NaN"*) ;;
    *) fail "cells 3 and 4 are not named" ;;
esac

bold "Mended, and asked for once more"
cp fixtures/feedback/sensor_report_fixed.ipynb "$scratch/clone/sensor_report.ipynb"
push "Readings that are missing are an error"
run kubectl annotate nvj sensor-report nbvet.mlops.dev/rerun=mended
follow 2 Succeeded
run kubectl get nvj sensor-report
published=$(kubectl get nvj sensor-report --output=jsonpath='{.status.published.imageReference}')
validated=$(kubectl get nvj sensor-report --output=jsonpath='{.status.buildStatus.imageReference}')
[ "${published#*@}" = "${validated#*@}" ] || fail "another image was published than was validated"
note "validated: $validated"
note "published: $published"

bold "A workbench runs what was published, as a user that nobody knows"
cat >"$scratch/workbench.yaml" <<POD
apiVersion: v1
kind: Pod
metadata: {name: workbench}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 1000650000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: workbench
    image: $published
    command: [python3, -c, "import numpy, os; print('numpy', numpy.__version__, 'as uid', os.getuid())"]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
POD
sed 's/^/  | /' "$scratch/workbench.yaml"
run kubectl apply -f "$scratch/workbench.yaml"
kubectl wait pod/workbench --for=jsonpath='{.status.phase}'=Succeeded --timeout=3m >/dev/null
run kubectl logs workbench

bold "Done after $((SECONDS - begun)) s"
