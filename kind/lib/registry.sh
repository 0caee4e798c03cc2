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
  local i
  for i in $(seq 100); do
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
  local image=$1 repository=$2 tag=$3 url dir layer config
  url=$(registry_url)/v2/$repository
  dir=$(mktemp -d "$CACHE/push.XXXXXX")
  docker save "$image" | tar -x -C "$dir"
  config=$(jq -r '.[0].Config' "$dir/manifest.json")
  jq -r '.[0].Layers[]' "$dir/manifest.json" | while read -r layer; do
    push_layer "$url" "$dir/$layer"
  done | jq -s . >"$dir/layers"
  push_blob "$url" "$dir/$config"
  jq -n --slurpfile layers "$dir/layers" --arg digest "sha256:$(sha256sum <"$dir/$config" | cut -d' ' -f1)" \
    --argjson size "$(stat -c %s "$dir/$config")" '{
      schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $digest, size: $size},
      layers: $layers[0]}' >"$dir/oci"
  curl -sSf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    --data-binary "@$dir/oci" "$url/manifests/$tag" >&2
  rm -rf "$dir"
}

# push_layer URL TAR: prints its descriptor; known layers are not packed again.
push_layer() {
  local url=$1 tar=$2 id known digest
  id=$(sha256sum <"$tar" | cut -d' ' -f1)
  known=$CACHE/layers/$id
  mkdir -p "$CACHE/layers"
  if [ ! -f "$known.json" ]; then
    zstd -q -T0 -1 -f "$tar" -o "$known.part"
    digest=sha256:$(sha256sum <"$known.part" | cut -d' ' -f1)
    jq -n --arg digest "$digest" --argjson size "$(stat -c %s "$known.part")" \
      '{mediaType: "application/vnd.oci.image.layer.v1.tar+zstd", digest: $digest, size: $size}' >"$known.json.part"
    mv "$known.part" "$known.zst"
    mv "$known.json.part" "$known.json"
  fi
  push_blob "$url" "$known.zst"
  cat "$known.json"
}

push_blob() {
  local url=$1 file=$2 digest place
  digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
  curl -sf -o /dev/null -I "$url/blobs/$digest" && return
  place=$(curl -sSf -D - -o /dev/null -X POST "$url/blobs/uploads/" | tr -d '\r' | awk 'tolower($1) == "location:" { print $2 }')
  curl -sSf -o /dev/null -X PUT -T "$file" -H 'Content-Type: application/octet-stream' "$place&digest=$digest"
}
