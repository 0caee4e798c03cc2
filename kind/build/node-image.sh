#!/usr/bin/env bash
# The kind node image with all that a cluster runs, the way `kind build
# node-image` does it, but from what was built here. Prints its name;
# with --where only the folder where it is kept.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"
. "$KIND_DIR/lib/docker.sh"
. "$KIND_DIR/lib/images.sh"

kubernetes=$("$KIND_DIR/build/kubernetes.sh" "$@")
etcd=$("$KIND_DIR/build/etcd.sh" "$@")
coredns=$("$KIND_DIR/build/coredns.sh" "$@")
pause=$("$KIND_DIR/build/pause.sh" "$@")
root=$("$KIND_DIR/build/node-root.sh" "$@")
hash=$(hash_of "${kubernetes##*/}" "${etcd##*/}" "${coredns##*/}" "${pause##*/}" "${root##*/}" "$0" "$KIND_DIR/images/kube-proxy/Dockerfile")
image=ordeal/node:$hash
saved=$(artefact node-image "$hash")

if [ "${1:-}" = --where ]; then echo "$saved"; exit; fi
alone node-image
if docker image inspect "$image" >/dev/null 2>&1; then echo "$image"; exit; fi
if [ -d "$saved" ]; then
  zstd -dc "$saved/image.tar.zst" | docker load >&2
  echo "$image"
  exit
fi

tmp=$(fresh node-image "$hash")
builder=ordeal-node-builder
trap 'docker rm -f $builder >/dev/null 2>&1 || true' EXIT

# The names under which kubeadm will ask for them.
"$kubernetes/bin/kubeadm" config images list --kubernetes-version "$KUBERNETES_VERSION" >"$tmp/names"
name_of() { grep "/$1:" "$tmp/names"; }

# one PROGRAM FOLDER NAME: an image of that program alone.
one() {
  tar -C "$2" --owner=0 --group=0 --transform 's,^,usr/local/bin/,' -c "$1" |
    docker import -c 'ENV PATH=/usr/local/bin' -c "ENTRYPOINT [\"/usr/local/bin/$1\"]" - "$3" >&2
}

for program in kube-apiserver kube-controller-manager kube-scheduler; do
  one "$program" "$kubernetes/bin" "$(name_of "$program")"
done
one etcd "$etcd/bin" "$(name_of etcd)"
one coredns "$coredns/bin" "$(name_of coredns)"
one pause "$pause/bin" "$(name_of pause)"

"$KIND_DIR/build/base-image.sh" >/dev/null
mkdir "$tmp/kube-proxy"
cp "$KIND_DIR/images/kube-proxy/Dockerfile" "$kubernetes/bin/kube-proxy" "$tmp/kube-proxy/"
docker_build "$(name_of kube-proxy)" "$hash" "$tmp/kube-proxy" >&2

docker rm -f "$builder" >/dev/null 2>&1 || true
zstd -dc "$root/root.tar.zst" |
  docker import - ordeal/node-root:latest >&2
printf 'FROM ordeal/node-root:latest\nENV container=docker\nSTOPSIGNAL SIGRTMIN+3\n' |
  docker build -q -t ordeal/node-root:latest - >&2
docker run -d --name "$builder" --network none --entrypoint sleep ordeal/node-root:latest infinity >&2
for program in kubeadm kubelet kubectl; do
  docker cp "$kubernetes/bin/$program" "$builder:/usr/bin/$program"
done
docker exec -i "$builder" bash -euc '
  printf %s "$1" >/kind/version
  sed -i "s|sandbox_image = .*|sandbox_image = \"$2\"|" /etc/containerd/config.toml
  containerd >/tmp/containerd.log 2>&1 & pid=$!
  until ctr version >/dev/null 2>&1; do sleep 0.1; kill -0 $pid || { cat /tmp/containerd.log; exit 1; }; done
  ' bash "$KUBERNETES_VERSION" "$(name_of pause)" >&2
mapfile -t names <"$tmp/names"
docker save "${names[@]}" | docker exec -i "$builder" \
  ctr --namespace k8s.io images import --label io.cri-containerd.pinned=pinned \
  --all-platforms --no-unpack --digests - >&2
docker exec "$builder" bash -euc 'kill $(pidof containerd); while pidof containerd >/dev/null; do sleep 0.1; done; rm -rf /tmp/*' >&2
docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' "$builder" "$image" >&2
docker rm -f "$builder" >&2
docker rmi -f "${names[@]}" ordeal/node-root:latest >&2
# Earlier ones, unless a cluster still stands on them.
docker images ordeal/node --format '{{.Repository}}:{{.Tag}}' | grep -vx "$image" |
  xargs -r -n 1 docker rmi >/dev/null 2>&1 || true

rm -rf "$tmp/kube-proxy"
docker save "$image" | zstd -q -T0 -1 -o "$tmp/image.tar.zst"
keep node-image "$hash" "$tmp"
echo "$image"
