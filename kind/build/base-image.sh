#!/usr/bin/env bash
# ordeal/base:12, the Debian that every image of ours stands on; prints its hash,
# which is all it does with --where.
# Built from packages; where a registry answers, its slim image is the same thing.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"
. "$KIND_DIR/lib/docker.sh"
. "$KIND_DIR/lib/mode.sh"
. "$KIND_DIR/lib/images.sh"

list=$REPO_DIR/fixtures/images/base/packages
mode=$(images_mode)
hash=$(hash_of "$DEBIAN_SUITE" "$mode" "$0" "$list")
if [ "${1:-}" = --where ] || [ "$(image_hash ordeal/base:12)" = "$hash" ]; then echo "$hash"; exit; fi

if [ "$mode" = pull ]; then
  docker pull "$(stock debian:$DEBIAN_SUITE-slim)" >&2
  printf 'FROM %s\nLABEL ordeal.hash=%s\n' "$(stock debian:$DEBIAN_SUITE-slim)" "$hash" |
    docker build -q -t ordeal/base:12 - >&2
  echo "$hash"
  exit
fi

alone base
out=$(artefact base "$hash")
if [ ! -d "$out" ]; then
  need_packages mmdebstrap=mmdebstrap zstd=zstd
  tmp=$(fresh base "$hash")
  packages=$(grep -v '^#' "$list" | paste -sd, -)
  debian_sources >"$tmp/sources"
  http_proxy=$(apt_proxy) mmdebstrap --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    "$DEBIAN_SUITE" - $([ ! -s "$tmp/sources" ] || echo "$tmp/sources") |
    zstd -q -T0 -1 -o "$tmp/root.tar.zst"
  keep base "$hash" "$tmp"
fi
zstd -dc "$out/root.tar.zst" |
  docker import -c "LABEL ordeal.hash=$hash" -c 'CMD ["bash"]' - ordeal/base:12 >&2
echo "$hash"
