#!/usr/bin/env bash
# image.sh NAME [CONTEXT_DIR]: builds fixtures/images/NAME/Dockerfile and puts it
# where the cluster's nodes find it; prints the reference for a pod to use.
# image.sh --stock REF: the same for a stock image, pulled here.
# With --local in front: for this machine's Docker alone, without a registry.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
for part in debian docker mode images network registry; do
  # shellcheck source=/dev/null
  . "$KIND_DIR/lib/$part.sh"
done

local=0
if [ "${1:-}" = --local ]; then
  local=1
  shift
fi
[ $# -ge 1 ] || die "usage: image.sh [--local] NAME [CONTEXT_DIR] | --stock REF"

# Two builds of one image at once would only do the work twice.
lock() {
  exec 8>"$CACHE/image-$1.lock"
  flock 8
}

if [ "$1" = --stock ]; then
  reference=$2
  repository=$(path_of "$reference")
  tag=${reference##*:}
  [ "$tag" != "$reference" ] || die "$reference: a stock image needs a tag"
  lock "$(tr / - <<<"$repository")"
  if [ $local = 1 ]; then
    ensure_docker
    docker image inspect "$(stock "$reference")" >/dev/null 2>&1 || docker pull -q "$(stock "$reference")" >&2
    stock "$reference"
    exit
  fi
  if ! registry_has "$repository" "$tag"; then
    ensure_docker
    ensure_registry
    docker pull -q "$(stock "$reference")" >&2
    push "$(stock "$reference")" "$repository" "$tag"
  fi
  echo "$reference"
  exit
fi

# import_root TAG DIR: an image of the root that this artefact is.
import_root() {
  local hash
  hash=$(basename "$2")
  [ "$(image_hash "$1")" != "$hash" ] || return 0
  zstd -dc "$2/root.tar.zst" | docker import -c "LABEL ordeal.hash=$hash" -c 'CMD ["bash"]' - "$1" >&2
}

name=$1
recipe=$REPO_DIR/fixtures/images/$name
context=${2:-$recipe}
[ -f "$recipe/Dockerfile" ] || die "there is no $recipe/Dockerfile"
[ -d "$context" ] || die "$context is no folder"
mode=$(images_mode)
# "# Context: SCRIPT" in its Dockerfile: the folder which that builds.
program=$(sed -n 's/^# Context: //p' "$recipe/Dockerfile")
made=
if [ -n "$program" ]; then made=$(basename "$("$REPO_DIR/$program" --where)"); fi
# What its Dockerfile stands on: our Debian, MySQL's, or a root of its own.
base=(base-image.sh)
if grep -q '^FROM ordeal/mysql-root:' "$recipe/Dockerfile"; then base=(mysql-root.sh); fi
if grep -q '^FROM \$ROOT$' "$recipe/Dockerfile"; then base=(root.sh "$name"); fi
hash=$(hash_of "$(basename "$("$KIND_DIR/build/${base[0]}" "${base[@]:1}" --where)")" "$(hash_of_dir "$recipe")" "$(hash_of_dir "$context")"${made:+ "$made"})
lock "$name"
if [ $local = 1 ] || ! registry_has "ordeal/$name" "$hash"; then
  ensure_docker
  [ $local = 1 ] || ensure_registry
  if [ "$(image_hash "ordeal/$name:$hash")" != "$hash" ]; then
    built=$(ORDEAL_IMAGES=$mode "$KIND_DIR/build/${base[0]}" "${base[@]:1}")
    root=()
    case ${base[0]} in
    mysql-root.sh) import_root ordeal/mysql-root:sid "$built" ;;
    root.sh)
      import_root "ordeal/root:$name" "$built"
      root=(--build-arg "ROOT=ordeal/root:$name")
      ;;
    esac
    if [ -n "$program" ]; then context=$("$REPO_DIR/$program"); fi
    docker_build "ordeal/$name:$hash" "$hash" "$context" "${root[@]}" -f "$recipe/Dockerfile" >&2
  fi
  [ $local = 1 ] || push "ordeal/$name:$hash" "ordeal/$name" "$hash"
  # Earlier ones would only fill the disk.
  docker images "ordeal/$name" --format '{{.Repository}}:{{.Tag}}' | grep -vx "ordeal/$name:$hash" |
    xargs -r docker rmi >/dev/null 2>&1 || true
fi
echo "ordeal/$name:$hash"
