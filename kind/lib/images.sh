# shellcheck shell=bash
# Docker images of ours.

# docker_build TAG HASH CONTEXT [OPTIONS…]: apt works in it as it does here.
docker_build() {
  local tag=$1 hash=$2 context=$3 proxy
  shift 3
  proxy=$(apt_proxy)
  # --force-rm: the container of a step that fails goes, too.
  docker build --force-rm --network host ${proxy:+--build-arg "http_proxy=$proxy"} \
    --label "ordeal.hash=$hash" -t "$tag" "$@" "$context"
}

image_hash() { docker image inspect -f '{{index .Config.Labels "ordeal.hash"}}' "$1" 2>/dev/null || true; }

# hash_of_dir DIR: changes with any name, mode or content in it.
hash_of_dir() {
  (cd "$1" && find . -type f -printf '%m %p\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum) |
    sha256sum | cut -c1-12
}
