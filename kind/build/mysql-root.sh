#!/usr/bin/env bash
# Debian's MySQL, which only its unstable suite has, on a root of that suite:
# what the image ordeal/mysql is made of; prints the folder that holds it as
# root.tar.zst.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

suite=sid
hash=$(hash_of "$0" "$KIND_DIR/mysql/packages")
begin mysql-root "$hash" "${1:-}"
need_packages mmdebstrap=mmdebstrap zstd=zstd

tmp=$(fresh mysql-root "$hash")
packages=$(grep -v '^#' "$KIND_DIR/mysql/packages" | paste -sd, -)
debian_sources "$suite" >"$tmp/sources"
# A mirror may hold a state of that suite whose date has passed.
http_proxy=$(apt_proxy) mmdebstrap --variant=minbase --include="$packages" \
  --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
  "$suite" - $([ ! -s "$tmp/sources" ] || echo "$tmp/sources") |
  zstd -q -T0 -1 -o "$tmp/root.tar.zst"

keep mysql-root "$hash" "$tmp"
echo "$out"
