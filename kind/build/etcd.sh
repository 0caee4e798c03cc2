#!/usr/bin/env bash
# etcd from its module; prints the folder that holds it.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go.sh"

hash=$(hash_of "$ETCD_VERSION" "$0" "$KIND_DIR/lib/go.sh")
begin etcd "$hash" "${1:-}"
need_go

module=go.etcd.io/etcd/server/v3
tmp=$(fresh etcd "$hash")
mkdir -p "$tmp/mod" "$tmp/bin"
cd "$tmp/mod"
{
  echo "module ordeal/etcd"
  echo "go $(awk '$1 == "go" { print $2 }' "$(go_mod_file "$module@$ETCD_VERSION")")"
  echo "require $module $ETCD_VERSION"
  echo "tool $module"
} >go.mod
static_go mod tidy
static_go build -trimpath -ldflags "-s -w" -o "$tmp/bin/etcd" "$module"

keep etcd "$hash" "$tmp"
echo "$out"
