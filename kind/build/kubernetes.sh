#!/usr/bin/env bash
# Kubernetes' own programs, from its module; prints the folder that holds them.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go.sh"

PROGRAMS="kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy"
hash=$(hash_of "$KUBERNETES_VERSION" "$0" "$KIND_DIR/lib/go.sh")
begin kubernetes "$hash" "${1:-}"
need_go

version=${KUBERNETES_VERSION#v}
staging=v0.${version#*.}
tmp=$(fresh kubernetes "$hash")
mkdir -p "$tmp/mod" "$tmp/bin"
cd "$tmp/mod"

# Within Kubernetes' tree its libraries are found by path; outside it each has
# to be named with the version that was published with this release.
module_file=$(go_mod_file "k8s.io/kubernetes@$KUBERNETES_VERSION")
{
  echo "module ordeal/kubernetes"
  echo "go $(awk '$1 == "go" { print $2 }' "$module_file")"
  echo "godebug $(awk '$1 == "godebug" { print $2 }' "$module_file")"
  echo "require k8s.io/kubernetes $KUBERNETES_VERSION"
  awk -v v="$staging" '$2 == "=>" && $3 ~ /^\.\/staging/ { print "replace " $1 " => " $1 " " v }' "$module_file"
  for p in $PROGRAMS; do echo "tool k8s.io/kubernetes/cmd/$p"; done
} >go.mod
static_go mod tidy

# kubeadm and the kubelet refuse to work without knowing their version.
minor=${version#*.}
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=$KUBERNETES_VERSION -X $package.gitTreeState=clean"
  flags+=" -X $package.gitMajor=${version%%.*} -X $package.gitMinor=${minor%%.*}"
done
packages=()
for p in $PROGRAMS; do packages+=("k8s.io/kubernetes/cmd/$p"); done
static_go build -trimpath -ldflags "$flags" -o "$tmp/bin/" "${packages[@]}"

keep kubernetes "$hash" "$tmp"
echo "$out"
