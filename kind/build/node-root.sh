#!/usr/bin/env bash
# The node's Debian, with kind's own files on it but without Kubernetes; prints
# the folder that holds it as root.tar.zst.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

hash=$(hash_of "$DEBIAN_SUITE" "$KIND_VERSION" "$0" "$KIND_DIR/node/packages" "$KIND_DIR/node/customize")
begin node-root "$hash" "${1:-}"
need_packages mmdebstrap=mmdebstrap zstd=zstd jq=jq

kind=$("$KIND_DIR/build/kind.sh")
tmp=$(fresh node-root "$hash")
packages=$(grep -v '^#' "$KIND_DIR/node/packages" | paste -sd, -)
debian_sources >"$tmp/sources"
export KIND_BASE=$kind/base
http_proxy=$(apt_proxy) mmdebstrap --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook="$KIND_DIR/node/customize" \
  "$DEBIAN_SUITE" - $([ ! -s "$tmp/sources" ] || echo "$tmp/sources") |
  zstd -q -T0 -1 -o "$tmp/root.tar.zst"

keep node-root "$hash" "$tmp"
echo "$out"
