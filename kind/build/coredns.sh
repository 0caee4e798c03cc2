#!/usr/bin/env bash
# CoreDNS with the plugins that kubeadm's Corefile names and no others: the full
# one drags in every cloud's SDK. Prints the folder that holds it.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go.sh"

hash=$(hash_of "$COREDNS_VERSION" "$0" "$KIND_DIR/lib/go.sh")
begin coredns "$hash" "${1:-}"
need_go

module=github.com/coredns/coredns
tmp=$(fresh coredns "$hash")
mkdir -p "$tmp/mod" "$tmp/bin"
cd "$tmp/mod"
{
  echo "module ordeal/coredns"
  echo "go $(awk '$1 == "go" { print $2 }' "$(go_mod_file "$module@$COREDNS_VERSION")")"
  echo "require $module $COREDNS_VERSION"
} >go.mod
{
  echo 'package main'
  echo "import \"$module/coremain\""
  for p in errors health ready kubernetes metrics template forward cache loop reload loadbalance; do
    echo "import _ \"$module/plugin/$p\""
  done
  echo 'func main() { coremain.Run() }'
} >main.go
static_go mod tidy
static_go build -trimpath -ldflags "-s -w" -o "$tmp/bin/coredns" .

keep coredns "$hash" "$tmp"
echo "$out"
