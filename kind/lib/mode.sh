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

# decided_mode: the same, saying which way and why.
decided_mode() {
  local mode
  case ${ORDEAL_IMAGES:-} in
    '')
      mode=$(decide_mode)
      if [ "$mode" = pull ]; then
        say "images: pulled, for a registry answers for $(stock "$STOCK_NODE") (ORDEAL_IMAGES=build overrides)"
      else
        say "images: built here, for no registry answers for $(stock "$STOCK_NODE") (ORDEAL_IMAGES=pull overrides)"
      fi
      ;;
    *)
      mode=$(images_mode)
      say "images: $mode, as ORDEAL_IMAGES says"
      ;;
  esac
  echo "$mode"
}
