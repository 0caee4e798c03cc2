#!/usr/bin/env bash
# versitygw, an object store that speaks S3, from its module; prints the folder that
# holds it, which is the context of the image object-store.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go.sh"

hash=$(hash_of "$VERSITYGW_VERSION" "$0" "$KIND_DIR/lib/go.sh")
begin versitygw "$hash" "${1:-}"
need_go

module=github.com/versity/versitygw
tmp=$(fresh versitygw "$hash")
mkdir -p "$tmp/mod" "$tmp/bin"
cd "$tmp/mod"
{
  echo "module ordeal/versitygw"
  echo "go $(awk '$1 == "go" { print $2 }' "$(go_mod_file "$module@$VERSITYGW_VERSION")")"
  echo "require $module $VERSITYGW_VERSION"
  echo "tool $module/cmd/versitygw"
} >go.mod
static_go mod tidy
static_go build -trimpath -ldflags "-s -w" -o "$tmp/bin/versitygw" "$module/cmd/versitygw"

keep versitygw "$hash" "$tmp"
echo "$out"
