#!/usr/bin/env bash
# The table of rights that test/unit/apiserver/rights_test.c holds against the
# API of engine docker, asked of a real API server: a service account for each
# role, one request for each line. Asks the kind cluster, or that of CONTEXT in
# KUBECONFIG; what writes is a dry run. Speaks TAP.
set -uo pipefail
table=$(realpath "$(dirname "$0")/../../unit/apiserver/rights.tsv")
kind=${ORDEAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ordeal}/kind
[ -n "${CONTEXT:-}" ] || export KUBECONFIG=$kind/kubeconfig
context=${CONTEXT:-kind-ordeal}
kubectl=$kind/bin/kubectl
if ! "$kubectl" --context "$context" get --raw /version >/dev/null 2>&1; then
  echo "1..0 # SKIP needs the kind cluster: ordeal up --engine kind"
  exit
fi
k() { "$kubectl" --context "$context" "$@"; }
ns=ordeal-rights-$$
other=$ns-other
work=$(mktemp -d)
trap 'k delete namespace "$ns" "$other" --wait=false >/dev/null 2>&1; rm -rf "$work"' EXIT
k create namespace "$ns" >/dev/null && k create namespace "$other" >/dev/null || exit 1
for name in a b; do k -n "$ns" create configmap "$name" >/dev/null; done
k -n "$ns" create secret generic s --from-literal=k=hush >/dev/null
server=$(k config view --raw --minify -o 'jsonpath={.clusters[0].cluster.server}')
k config view --raw --minify -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$work/ca"

n=0 number=0 token=
verdict() { # CONDITION NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# give ROLE RULES: an account of that name, and its token.
give() {
  k -n "$ns" create serviceaccount "$1" >/dev/null &&
    k apply -f - >/dev/null <<YAML || return
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: $1, namespace: $ns}
rules: $2
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: $1, namespace: $ns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: $1}
subjects: [{kind: ServiceAccount, name: $1, namespace: $ns}]
YAML
  token=$(k -n "$ns" create token "$1") || return
  # The authorizer hears of it by a watch of its own.
  sleep 1
}

# ask METHOD URL: the status of the answer.
ask() {
  local url=$2 method=(-X "$1")
  url=${url//'{ns}'/$ns}
  url=${url//'{other}'/$other}
  if [ "$1" = HEAD ]; then method=(-I); fi
  case $1 in
  GET | HEAD) ;;
  *)
    if [[ $url == *\?* ]]; then url+='&dryRun=All'; else url+='?dryRun=All'; fi
    method+=(-H 'Content-Type: application/json' --data '{}')
    [ "$1" = PATCH ] && method=(-X PATCH -H 'Content-Type: application/merge-patch+json' --data '{}')
    ;;
  esac
  if [[ $url == *watch* ]]; then
    if [[ $url == *\?* ]]; then url+='&timeoutSeconds=1'; else url+='?timeoutSeconds=1'; fi
  fi
  curl -sS -o /dev/null -w '%{http_code}' --max-time 10 --cacert "$work/ca" -H "Authorization: Bearer $token" \
    "${method[@]}" "$server$url" 2>/dev/null
}

while IFS=$'\t' read -r first second third; do
  number=$((number + 1))
  case $first in
  '' | '#'*) continue ;;
  role)
    role=$second
    give "$second" "$third"
    verdict $? "the account $second has its role"
    continue
    ;;
  esac
  status=$(ask "$second" "$third")
  case $first:$status in
  *:401 | *:000) good=1 ;;
  no:403) good=0 ;;
  no:*) good=1 ;;
  yes:403) good=1 ;;
  *) good=0 ;;
  esac
  [ $good = 0 ] || echo "# rights.tsv:$number: $status, the table says $first"
  verdict $good "$role: $second $third"
done <"$table"
echo "1..$n"
