#!/usr/bin/env bash
# down.sh [--keep-docker]: removes the cluster, the registry and their network,
# and ends the dockerd that up.sh started. The cache stays.
set -euo pipefail
exec 1>&2
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images network registry host cluster; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

keep_docker=0
case ${1:-} in
  '') ;;
  --keep-docker) keep_docker=1 ;;
  *) die "usage: down.sh [--keep-docker]" ;;
esac

exec 9>"$CACHE/lock"
if ! flock -n 9; then
  say "waiting for another up or down of this cluster to end"
  flock 9
fi

# What a Docker that died has left can only be removed by a living one.
if ! docker_answers && { [ -e "$DOCKERD_PID" ] || [ -s "$MARK" ]; }; then ensure_docker; fi

if docker_answers; then
  delete_cluster
  docker rm -f -v "$REGISTRY" ordeal-node-builder >/dev/null 2>&1 || true
  remove_network
  rm -f "$KUBECONFIG_FILE" "$CACHE/mode"
  [ "$keep_docker" = 1 ] || stop_our_dockerd
  say "the cluster is down"
else
  say "no Docker answers, and nothing of ours is known to be up"
fi
