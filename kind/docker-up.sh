#!/usr/bin/env bash
# A Docker that answers: as found, or installed and started as the cluster's
# is. All packages that the engine docker will need are named first, at once.
set -euo pipefail
exec 1>&2
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images progress; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

# The mode that is known, or the one that takes more.
likely_mode() { echo "${ORDEAL_IMAGES:-$(cat "$CACHE/mode" 2>/dev/null || echo build)}"; }

missing=$(missing_packages jq=jq ip=iproute2 nft=nftables nsenter=util-linux mkfs.ext4=e2fsprogs iptables=iptables)
up=1
if ! docker_up; then
  up=0
  may_start_docker
  # shellcheck disable=SC2046
  missing+=" $(missing_packages $(docker_packages))"
fi
if [ "$(likely_mode)" = build ] && [ "$(ORDEAL_IMAGES=build "$KIND_DIR/build/base-image.sh" --where)" != "$(image_hash ordeal/base:12)" ]; then
  missing+=" $(missing_packages mmdebstrap=mmdebstrap zstd=zstd gcc=gcc,libc6-dev \
    /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring)"
fi
steps=()
# shellcheck disable=SC2086,SC2116 # one blank between words
missing=$(echo $missing)
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086
  refuse_or_allow_install $missing
  steps+=("installing Debian packages: $missing|install_packages $missing")
fi
if [ $up = 0 ]; then
  exec 9>"$CACHE/lock"
  flock 9
  steps+=("starting Docker|ensure_docker")
fi
[ ${#steps[@]} = 0 ] || run_steps "${steps[@]}"
# Every image would ask the registry again.
if [ -z "${ORDEAL_IMAGES:-}" ] && [ ! -s "$CACHE/mode" ]; then
  mode=$(decided_mode)
  echo "$mode" >"$CACHE/mode"
fi
