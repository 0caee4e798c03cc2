#!/usr/bin/env bash
# One line a fact; exit status 0 only when the cluster is up and healthy.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images network registry host cluster; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

fact() { printf '%-10s %s\n' "$1" "$2"; }

if ! docker_answers; then
  fact docker "does not answer"
  exit 1
fi
if ours_running; then whose="started by ordeal"; else whose="as found"; fi
fact docker "$(docker version -f '{{.Server.Version}}'), $whose"

if ! cluster_whole; then
  count=$(cluster_ids | grep -c . || true)
  if [ "$count" = 0 ]; then fact cluster none; else fact cluster "half made: $count containers"; fi
  exit 1
fi
if cluster_current; then fact cluster "$CLUSTER"; else fact cluster "$CLUSTER, made by other versions of the scripts"; fi
fact images "$(cat "$CACHE/mode" 2>/dev/null || echo unknown)"
ready=$(nodes_ready)
fact nodes "$ready of 4 Ready"
if registry_running; then fact registry "runs"; else fact registry "does not run"; fi
fact kubeconfig "$KUBECONFIG_FILE"
[ "$ready" = 4 ] && cluster_runs
