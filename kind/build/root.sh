#!/usr/bin/env bash
# root.sh NAME: a Debian root with the packages that kind/roots/NAME lists, of the
# suite that it names: what images stand on whose programs another Debian than
# ours has, and what tests on this machine run them from; prints the folder that
# holds it as root.tar.zst.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

list=$KIND_DIR/roots/$1
suite=$(sed -n 's/^# suite: //p' "$list")
[ -n "$suite" ] || die "$list names no suite"
hash=$(hash_of "$0" "$list")
begin "root-$1" "$hash" "${2:-}"
need_packages mmdebstrap=mmdebstrap zstd=zstd

tmp=$(fresh "root-$1" "$hash")
packages=$(grep -v '^#' "$list" | paste -sd, -)
debian_sources "$suite" >"$tmp/sources"
# A mirror may hold a state of a suite whose date has passed. No package may start
# a server in there.
http_proxy=$(apt_proxy) mmdebstrap --variant=minbase --include="$packages" \
  --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
  "$suite" - $([ ! -s "$tmp/sources" ] || echo "$tmp/sources") |
  zstd -q -T0 -1 -o "$tmp/root.tar.zst"

keep "root-$1" "$hash" "$tmp"
echo "$out"
