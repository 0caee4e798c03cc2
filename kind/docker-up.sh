#!/usr/bin/env bash
# A Docker that answers: as found, or installed and started as the cluster's is.
set -euo pipefail
exec 1>&2
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode; do
  . "$KIND_DIR/lib/$part.sh"
done

need_packages jq=jq ip=iproute2 nft=nftables nsenter=util-linux mkfs.ext4=e2fsprogs
if ! docker_answers; then
  exec 9>"$CACHE/lock"
  flock 9
  say "starting Docker"
  ensure_docker
fi
# Every image would ask the registry again.
[ -n "${ORDEAL_IMAGES:-}" ] || [ -s "$CACHE/mode" ] || {
  mode=$(decided_mode)
  echo "$mode" >"$CACHE/mode"
}
