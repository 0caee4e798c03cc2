# shellcheck shell=bash
# Where images come from: pulled from a registry, or built here.

# stock NAME: a stock image's reference; ORDEAL_REGISTRY stands in for its host.
stock() { printf '%s\n' "${ORDEAL_REGISTRY:+$ORDEAL_REGISTRY/}$1"; }

STOCK_NODE=kindest/node:$KUBERNETES_VERSION

# images_mode: pull or build, decided once a cluster and kept until it is gone.
images_mode() {
  case ${ORDEAL_IMAGES:-} in
    pull | build) echo "$ORDEAL_IMAGES" ;;
    '') cat "$CACHE/mode" 2>/dev/null || decide_mode ;;
    *) die "ORDEAL_IMAGES is '$ORDEAL_IMAGES'; it can be pull or build" ;;
  esac
}

decide_mode() {
  if timeout 8 docker manifest inspect ${ORDEAL_REGISTRY:+--insecure} "$(stock "$STOCK_NODE")" >/dev/null 2>&1; then
    echo pull
  else
    echo build
  fi
}
