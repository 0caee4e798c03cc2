# shellcheck shell=bash
# A registry on the nodes' network, its storage in the cache: what was pushed
# once stays pushed.

REGISTRY=$CLUSTER-registry
REGISTRY_DATA=$CACHE/registry

ensure_registry_image() {
  local hash base
  base=$("$KIND_DIR/build/base-image.sh")
  hash=$(hash_of "$base" "$(hash_of_dir "$KIND_DIR/images/registry")")
  [ "$(image_hash ordeal/registry:latest)" = "$hash" ] ||
    docker_build ordeal/registry:latest "$hash" "$KIND_DIR/images/registry" >&2
}

registry_running() {
  [ "$(docker inspect -f '{{.State.Running}}' "$REGISTRY" 2>/dev/null)" = true ]
}

ensure_registry() {
  registry_running && return
  ensure_network
  ensure_registry_image
  docker rm -f "$REGISTRY" >/dev/null 2>&1 || true
  mkdir -p "$REGISTRY_DATA"
  docker run -d --name "$REGISTRY" --label ordeal --network "$NETWORK" -p 127.0.0.1::5000 \
    -v "$REGISTRY_DATA:/var/lib/registry" ordeal/registry:latest >/dev/null
  for _ in $(seq 100); do
    curl -sf "$(registry_url)/v2/" >/dev/null 2>&1 && return
    sleep 0.1
  done
  die "our registry does not answer; see: docker logs $REGISTRY"
}

registry_url() { printf 'http://%s\n' "$(docker port "$REGISTRY" 5000/tcp | head -1)"; }

# path_of REFERENCE: the repository a registry keeps that stock image under.
path_of() {
  case ${1%:*} in
    */*) printf '%s\n' "${1%:*}" ;;
    *) printf 'library/%s\n' "${1%:*}" ;;
  esac
}

# registry_has REPOSITORY TAG: asks its storage, which takes no daemon at all.
registry_has() { [ -f "$REGISTRY_DATA/docker/registry/v2/repositories/$1/_manifests/tags/$2/current/link" ]; }

# push LOCAL_IMAGE REPOSITORY TAG: as `docker push`, which would spend its time
# in gzip: layers go in zstd, which nodes also unpack several times as fast.
push() {
  local image=$1 repository=$2 tag=$3 url dir config
  url=$(registry_url)
  dir=$(mktemp -d "$CACHE/push.XXXXXX")
  docker save "$image" | tar -x -C "$dir"
  config=$dir/$(jq -r '.[0].Config' "$dir/manifest.json")
  paste <(jq -r '.rootfs.diff_ids[]' "$config") <(jq -r '.[0].Layers[]' "$dir/manifest.json") |
    while read -r id layer; do
      push_layer "$url" "$repository" "${id#sha256:}" "$dir/$layer"
    done | jq -s . >"$dir/layers"
  push_blob "$url" "$repository" "$config"
  jq -n --slurpfile layers "$dir/layers" --arg digest "sha256:$(sha256sum <"$config" | cut -d' ' -f1)" \
    --argjson size "$(stat -L -c %s "$config")" '{
      schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $digest, size: $size},
      layers: $layers[0]}' >"$dir/oci"
  curl -sSf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    --data-binary "@$dir/oci" "$url/v2/$repository/manifests/$tag" >&2
  rm -rf "$dir"
}

# push_layer URL REPOSITORY ID TAR: prints its descriptor. A layer that some
# image has brought is not packed again: the registry only links it.
push_layer() {
  local url=$1 repository=$2 known=$CACHE/layers/$3 tar=$4
  mkdir -p "$CACHE/layers"
  if [ -f "$known" ] && link_blob "$url" "$repository" "$(jq -r .digest "$known")" "$(cat "$known.in")"; then
    cat "$known"
    return
  fi
  zstd -q -T0 -1 -f "$tar" -o "$tar.zst"
  jq -n --arg digest "sha256:$(sha256sum <"$tar.zst" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$tar.zst")" \
    '{mediaType: "application/vnd.oci.image.layer.v1.tar+zstd", digest: $digest, size: $size}' >"$tar.json"
  push_blob "$url" "$repository" "$tar.zst"
  rm "$tar.zst"
  echo "$repository" >"$known.in"
  mv "$tar.json" "$known"
  cat "$known"
}

# link_blob URL REPOSITORY DIGEST FROM: whether it is there now.
link_blob() {
  curl -sf -o /dev/null -I "$1/v2/$2/blobs/$3" ||
    [ "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$1/v2/$2/blobs/uploads/?mount=$3&from=$4")" = 201 ]
}

push_blob() {
  local url=$1 repository=$2 file=$3 digest place
  digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
  curl -sf -o /dev/null -I "$url/v2/$repository/blobs/$digest" && return
  place=$(curl -sSf -D - -o /dev/null -X POST "$url/v2/$repository/blobs/uploads/" |
    tr -d '\r' | awk 'tolower($1) == "location:" { print $2 }')
  curl -sSf -o /dev/null -X PUT -T "$file" -H 'Content-Type: application/octet-stream' "$place&digest=$digest"
}
