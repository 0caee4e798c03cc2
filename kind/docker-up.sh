#!/usr/bin/env bash
# A Docker that answers: as found, or installed and started as the cluster's is.
set -euo pipefail
exec 1>&2
. "$(dirname "$0")/lib/common.sh"
for part in debian docker; do
  . "$KIND_DIR/lib/$part.sh"
done

need_packages jq=jq ip=iproute2 nft=nftables nsenter=util-linux mkfs.ext4=e2fsprogs
docker_answers && exit
exec 9>"$CACHE/lock"
flock 9
say "starting Docker"
ensure_docker
