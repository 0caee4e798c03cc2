#!/usr/bin/env bash
# Could a cluster be up within two minutes from now? Prints why, or why not;
# exit status 0 means yes. Starts, builds, installs and pulls nothing.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images network registry host cluster; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

yes() { echo "$*"; exit 0; }
no() { echo "$*"; exit 1; }

# built NAME: what build/NAME.sh makes is in the cache.
built() { [ -d "$("$KIND_DIR/build/$1.sh" --where)" ]; }

if docker_answers; then
  if cluster_healthy; then yes "a kind cluster is up"; fi
  if cluster_whole && cluster_current; then yes "a kind cluster is there and needs its nodes started"; fi
elif [ "$(id -u)" != 0 ] || [ -n "${DOCKER_HOST:-}" ]; then
  no "no Docker answers for a kind cluster"
fi
# The tool is the one thing that both ways build.
built kind || no "no kind cluster is up and none was made here before: about 20 minutes where no registry answers"
if [ "${ORDEAL_IMAGES:-}" != pull ] && built node-image; then
  yes "the node image of a kind cluster is built already"
fi
if [ "${ORDEAL_IMAGES:-}" != build ]; then
  if docker image inspect "$(stock "$STOCK_NODE")" >/dev/null 2>&1; then
    yes "the node image of a kind cluster is here already"
  fi
  if [ "$(decide_mode)" = pull ]; then yes "a registry answers for the node image of a kind cluster"; fi
fi
no "no kind cluster is up, and its node image would be built for about 20 minutes"
