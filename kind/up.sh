#!/usr/bin/env bash
# Brings the cluster up: reuses, mends or makes it, and whatever it takes.
#   ORDEAL_IMAGES=pull|build   where images come from, instead of deciding
#   ORDEAL_REGISTRY=HOST:PORT  stands in for the stock registry when pulling
#   ORDEAL_NO_INSTALL=1        install no Debian packages
#   ORDEAL_CACHE=DIR           where everything is kept
set -euo pipefail
exec 1>&2
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images network registry host cluster progress; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

# One at a time; what runs in the background must not inherit the lock.
exec 9>"$CACHE/lock"
if ! flock -n 9; then
  say "waiting for another up or down of this cluster to end"
  flock 9
fi

need_space() {
  local folder=$1 gib=$2 why=$3 free
  free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')
  [ "$free" -ge "$gib" ] || die "$why needs $gib GiB free at $folder, and there are $free GiB"
}

node_image() {
  case $mode in
    build) "$KIND_DIR/build/node-image.sh" ;;
    pull) stock "$STOCK_NODE" ;;
  esac
}

build() { "$KIND_DIR/build/$1.sh"; }
make_cluster() { create_cluster "$(node_image)"; }
finish_cluster() { await_cluster 120 && mark_cluster; }

ready() {
  say "the cluster is up (${1}, $(elapsed)); KUBECONFIG=$KUBECONFIG_FILE"
  exit 0
}

# 1. Up already?
if docker_answers && cluster_healthy; then
  cluster_current || say "the running cluster was made by other versions of these scripts; kind/down.sh first makes it new"
  ready reused
fi

# 2. A Docker, and the tools of the trade.
need_space "$CACHE" 1 "the cluster"
missing=$(missing_packages jq=jq curl=curl iptables=iptables zstd=zstd)
if ! docker_answers; then
  may_start_docker
  # shellcheck disable=SC2046
  missing+=" $(missing_packages $(docker_packages))"
fi
# shellcheck disable=SC2086
if [ -n "${missing// /}" ]; then
  refuse_or_allow_install $missing
  run_steps "installing Debian packages: $missing|install_packages $missing"
fi
docker_answers || run_steps "starting Docker|ensure_docker"

# 3. Stopped, most likely with its Docker, but whole?
if cluster_whole && cluster_current; then
  say "the cluster is whole but not running: starting its nodes again"
  if (mend_cluster) >"$LOG_DIR/mend_cluster.log" 2>&1; then ready mended; fi
  say "that did not help (see $LOG_DIR/mend_cluster.log): making it anew"
elif [ -n "$(cluster_ids)" ]; then
  say "found a cluster half made, or of other versions: making it anew"
fi

# 4. Make it.
if [ -z "${ORDEAL_IMAGES:-}" ] && [ -d "$CACHE/node-image" ]; then
  mode=build
  say "images: built here, as before (ORDEAL_IMAGES=pull overrides)"
else
  mode=$(ORDEAL_IMAGES=${ORDEAL_IMAGES:-} decided_mode)
fi
echo "$mode" >"$CACHE/mode"
export ORDEAL_IMAGES=$mode

steps=()
if [ "$mode" = build ]; then
  if [ ! -d "$("$KIND_DIR/build/node-image.sh" --where)" ]; then
    need_space "$CACHE" 16 "building the node image"
    missing=$(missing_packages mmdebstrap=mmdebstrap gcc=gcc,libc6-dev \
      /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring)
    # shellcheck disable=SC2086
    if [ -n "$missing" ]; then
      refuse_or_allow_install $missing
      steps+=("installing Debian packages: $missing|install_packages $missing")
    fi
    steps+=(
      "building the kind tool|build kind"
      "building Kubernetes $KUBERNETES_VERSION (about 10 minutes on two cores, once)|build kubernetes"
      "building etcd $ETCD_VERSION|build etcd"
      "building CoreDNS $COREDNS_VERSION|build coredns"
      "installing the node's Debian|build node-root"
    )
  fi
  steps+=("node image|node_image")
else
  steps+=(
    "pulling the node image|docker pull $(stock "$STOCK_NODE")"
    "building the kind tool|build kind"
  )
fi
steps+=(
  "registry for the nodes|ensure_registry"
  "creating the cluster|make_cluster"
  "laying the pods' network|network_cluster"
  "waiting for the nodes|finish_cluster"
)
run_steps "${steps[@]}"
ready made
