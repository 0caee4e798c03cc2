#!/usr/bin/env bash
# Shows that ORDEAL_IMAGES=pull works: a registry of our own serves our images
# under the stock paths, and a second cluster is made from it. TAP on stdout.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images network registry host cluster; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

ensure_docker
node=$(ORDEAL_IMAGES=build "$KIND_DIR/build/node-image.sh")
ORDEAL_IMAGES=build "$KIND_DIR/build/base-image.sh" >/dev/null
ORDEAL_IMAGES=build ensure_registry_image

stock_registry=ordeal-test-stock
test_cache=$(mktemp -d)
finish() {
  ORDEAL_CLUSTER=ordeal-pull ORDEAL_CACHE=$test_cache "$KIND_DIR/down.sh" --keep-docker || true
  docker rm -f -v "$stock_registry" >/dev/null 2>&1 || true
  docker rmi "${here:-none}/$STOCK_NODE" "${here:-none}/debian:$DEBIAN_SUITE-slim" >/dev/null 2>&1 || true
  rm -rf "$test_cache"
  # Pull mode's base has taken the name.
  (unset ORDEAL_CLUSTER ORDEAL_CACHE ORDEAL_REGISTRY && ORDEAL_IMAGES=build "$KIND_DIR/build/base-image.sh") >/dev/null
}
trap finish EXIT

docker rm -f -v "$stock_registry" >/dev/null 2>&1 || true
docker run -d --name "$stock_registry" --label ordeal -p 127.0.0.1::5000 ordeal/registry:latest >/dev/null
here=127.0.0.1:$(docker port "$stock_registry" 5000/tcp | head -1 | sed 's/.*://')
say "filling the test's stock registry at $here"
until curl -sf "http://$here/v2/" >/dev/null; do sleep 0.1; done
for pair in "$node $STOCK_NODE" "ordeal/base:12 debian:$DEBIAN_SUITE-slim"; do
  docker tag "${pair% *}" "$here/${pair#* }"
  docker push "$here/${pair#* }" >>"$LOG_DIR/test-pull.log"
  docker rmi "$here/${pair#* }" >/dev/null
done

# The kind tool is the same in both modes; its build is not what is tested.
kind=$("$KIND_DIR/build/kind.sh")
mkdir -p "$test_cache/kind/kind"
cp -r "$kind" "$test_cache/kind/kind/"
export ORDEAL_CLUSTER=ordeal-pull ORDEAL_CACHE=$test_cache ORDEAL_REGISTRY=$here

number=0 failed=0
check() {
  local name=$1
  shift
  number=$((number + 1))
  if "$@" >>"$LOG_DIR/test-pull.log" 2>&1; then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    failed=1
  fi
}

decides() { [ "$(env -u ORDEAL_IMAGES bash -c '. "$1/lib/common.sh"; . "$1/lib/mode.sh"; decide_mode' - "$KIND_DIR")" = pull ]; }
has_stock_node() {
  docker inspect -f '{{.Config.Image}}' ordeal-pull-control-plane | grep -qx "$here/$STOCK_NODE"
}
stock_image_runs() {
  local kubectl=$test_cache/kind/bin/kubectl reference
  reference=$("$KIND_DIR/image.sh" --stock "debian:$DEBIAN_SUITE-slim")
  [ "$reference" = "debian:$DEBIAN_SUITE-slim" ]
  export KUBECONFIG=$test_cache/kind/kubeconfig
  "$kubectl" run stock --image "$reference" --restart Never --command -- true
  "$kubectl" wait --for jsonpath='{.status.phase}'=Succeeded pod/stock --timeout 60s
}

echo TAP version 14
echo 1..5
check "a registry that answers is chosen by itself" decides
check "the cluster comes up from pulled images" env ORDEAL_IMAGES=pull "$KIND_DIR/up.sh"
check "its nodes are of the stock image" has_stock_node
check "its status is healthy" "$KIND_DIR/status.sh"
check "a stock image reaches a pod under its stock name" stock_image_runs
exit $failed
