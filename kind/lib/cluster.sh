# shellcheck shell=bash
# The cluster: made with the kind tool, its pods' network laid by us.

POD_NET=10.244
LINK_NET=10.243.0
SERVICE_SUBNET=10.96.0.0/16
CONTROL_PLANE=$CLUSTER-control-plane
NODES="$CONTROL_PLANE $CLUSTER-worker $CLUSTER-worker2 $CLUSTER-worker3"
MARK=$CACHE/cluster
# A copy, for the nodes may outlive this checkout.
OWN_SYSCTLS=$CACHE/node-sysctl.conf
KUBECTL=$CACHE/bin/kubectl
# kind would add its nodes to a network of its own.
export KIND_EXPERIMENTAL_DOCKER_NETWORK=$NETWORK

kubectl() { "$KUBECTL" --kubeconfig "$KUBECONFIG_FILE" --request-timeout 10s "$@"; }

# cluster_hash: of all that a cluster is made of and by.
cluster_hash() {
  hash_of "$KIND_DIR/versions.env" "$(hash_of_dir "$KIND_DIR/node")" \
    "$(kind_config)" "$(declare -f network_node dns_cluster storage_cluster)"
}

# Every container of the cluster that Docker knows, running or not.
cluster_ids() {
  docker ps -a -q --no-trunc --filter "label=io.x-k8s.kind.cluster=$CLUSTER" | sort
}

# cluster_whole: all its containers are the ones that we finished a cluster with.
cluster_whole() { [ -s "$MARK" ] && [ "$(sed 1d "$MARK")" = "$(cluster_ids)" ]; }

cluster_current() { [ "$(sed -n 1p "$MARK" 2>/dev/null)" = "$(cluster_hash)" ]; }

# cluster_runs: its containers and the registry run, and none is paused.
cluster_runs() {
  local states
  # shellcheck disable=SC2086
  states=$(docker inspect -f '{{.State.Running}} {{.State.Paused}}' $NODES "$REGISTRY" 2>/dev/null) &&
    [ "$(sort -u <<<"$states")" = "true false" ]
}

# nodes_ready [SINCE]: how many nodes are Ready, by signs of life from after then.
nodes_ready() {
  { kubectl get nodes -o json && kubectl -n kube-node-lease get leases -o json; } 2>/dev/null |
    jq -s --arg since "${1:-}" '
      (.[1].items // [] | map(select(.spec.renewTime >= $since).metadata.name)) as $alive
      | [.[0].items[]? | select(.metadata.name | IN($alive[]))
         | .status.conditions[] | select(.type == "Ready" and .status == "True")] | length'
}

cluster_healthy() { cluster_whole && cluster_runs && [ "$(nodes_ready)" = 4 ]; }

# kind_node ROLE: its own sysctls alone, whoever made its image.
kind_node() {
  cat <<YAML
- role: $1
  extraMounts:
  - hostPath: "$OWN_SYSCTLS"
    containerPath: /etc/systemd/system/systemd-sysctl.service.d/ordeal.conf
    readOnly: true
YAML
}

kind_config() {
  cat <<YAML
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  disableDefaultCNI: true
  podSubnet: $POD_NET.0.0/16
  serviceSubnet: $SERVICE_SUBNET
  kubeProxyMode: iptables
nodes:
$(for role in control-plane worker worker worker; do kind_node $role; done)
containerdConfigPatches:
- |-
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
YAML
  lacks_sys_resource || return 0
  cat <<YAML
- |-
  [plugins."io.containerd.grpc.v1.cri"]
    restrict_oom_score_adj = true
featureGates:
  KubeletInUserNamespace: true
YAML
}

create_cluster() {
  local kind image=$1
  kind=$("$KIND_DIR/build/kind.sh")
  delete_cluster
  note_host
  install -m 644 "$KIND_DIR/node/sysctl-own.conf" "$OWN_SYSCTLS"
  ensure_network
  # kind keeps no record of its own; the nodes are all there is.
  kind_config | "$kind/bin/kind" create cluster --name "$CLUSTER" --image "$image" \
    --kubeconfig "$KUBECONFIG_FILE" --config - --retain
  # The clients run beside it: when cores are short they must not wait behind
  # the system that they measure.
  docker update --cpu-shares 8192 "$CONTROL_PLANE" >/dev/null
  mkdir -p "$CACHE/bin"
  docker cp "$CONTROL_PLANE:/usr/bin/kubectl" "$CACHE/bin/kubectl.part"
  mv "$CACHE/bin/kubectl.part" "$KUBECTL"
}

delete_cluster() {
  rm -f "$MARK"
  local ids
  ids=$(cluster_ids)
  # shellcheck disable=SC2086
  [ -z "$ids" ] || docker rm -f -v $ids >/dev/null
  free_loops
  restore_host
}

# free_loops: a node that dies with a claim's volume mounted leaves the loop
# device attached to a file that is gone.
free_loops() {
  local device
  [ "$(id -u)" = 0 ] && command -v losetup >/dev/null || return 0
  losetup -n -l -O NAME,BACK-FILE 2>/dev/null | awk '$2 ~ "/volumes/[^/]*[.]img$" && $3 == "(deleted)" { print $1 }' |
    while read -r device; do losetup -d "$device" || true; done
}

# network_cluster: gives every node its routes, its wall and its pods' network.
network_cluster() {
  local name cidr ranges peers
  until ranges=$(kubectl get nodes -o json |
    jq -er 'if all(.items[]; .spec.podCIDR) and (.items | length) == 4 then .items[] | "\(.metadata.name) \(.spec.podCIDR)" else empty end'); do
    sleep 0.2
  done
  peers=$(awk '{ split($2, n, "."); print n[3] }' <<<"$ranges" | sort -n | paste -sd' ')
  while read -r name cidr; do
    network_node "$name" "$cidr" "$peers" &
  done <<<"$ranges"
  dns_cluster &
  storage_cluster &
  local job failed=0
  for job in $(jobs -p); do wait "$job" || failed=1; done
  return $failed
}

network_node() {
  local name=$1 cidr=$2 peers=$3 tree index
  tree=$(mktemp -d "$CACHE/node.XXXXXX")
  index=$(cut -d. -f3 <<<"$cidr")
  mkdir -p "$tree"/etc/{ordeal,cni/net.d,systemd/system,containerd/certs.d/{_default,docker.io}} "$tree/usr/local/sbin"
  cat >"$tree/etc/ordeal/network" <<EOF
INDEX=$index
PEERS="$peers"
POD_NET=$POD_NET
LINK_NET=$LINK_NET
SERVICE_SUBNET=$SERVICE_SUBNET
EOF
  jq -n --arg subnet "$cidr" '{
    cniVersion: "0.3.1", name: "ordeal",
    plugins: [
      {type: "ptp", ipMasq: false, mtu: 1500,
       ipam: {type: "host-local", dataDir: "/run/cni-ipam-state", routes: [{dst: "0.0.0.0/0"}], ranges: [[{subnet: $subnet}]]}},
      {type: "portmap", capabilities: {portMappings: true}}]}' >"$tree/etc/cni/net.d/10-ordeal.conflist"
  # The registry is the only place that images come from.
  for x in _default docker.io; do
    printf 'server = "http://%s:5000"\n[host."http://%s:5000"]\n  capabilities = ["pull", "resolve"]\n' \
      "$REGISTRY" "$REGISTRY" >"$tree/etc/containerd/certs.d/$x/hosts.toml"
  done
  install -m 755 "$KIND_DIR/node/ordeal-network" "$tree/usr/local/sbin/"
  install -m 644 "$KIND_DIR/node/ordeal-network.service" "$tree/etc/systemd/system/"
  # It would fail to find containerd once at every boot, and try again a second later.
  mkdir "$tree/etc/systemd/system/kubelet.service.d"
  printf '[Unit]\nAfter=containerd.service\n' >"$tree/etc/systemd/system/kubelet.service.d/20-ordeal.conf"
  tar -C "$tree" --owner=0 --group=0 -c etc usr | docker exec -i "$name" bash -euc '
    tar --no-overwrite-dir -C / -x
    systemctl daemon-reload
    systemctl enable ordeal-network.service
    systemctl restart ordeal-network.service'
  rm -rf "$tree"
}

# dns_cluster: cluster names only, and out of the reach of faults on workers.
dns_cluster() {
  kubectl -n kube-system create configmap coredns --dry-run=client -o json \
    --from-file=Corefile="$KIND_DIR/node/Corefile" | kubectl apply --server-side --force-conflicts -f -
  kubectl -n kube-system patch deployment coredns --type merge -p '{"spec": {"replicas": 1, "strategy": {"type": "Recreate", "rollingUpdate": null},
    "template": {"spec": {"affinity": null, "nodeSelector": {"kubernetes.io/os": "linux", "node-role.kubernetes.io/control-plane": ""}}}}}'
}

# storage_cluster: ours comes with the node agents.
storage_cluster() {
  kubectl delete storageclass standard --ignore-not-found
  kubectl delete namespace local-path-storage --ignore-not-found --wait=false
}

# await_cluster SECONDS [SINCE]: nodes Ready and names resolved, or failure.
await_cluster() {
  local until=$((SECONDS + $1))
  until [ "$(nodes_ready "${2:-}")" = 4 ]; do
    [ $SECONDS -lt $until ] || { kubectl get nodes; return 1; }
    sleep 0.3
  done
  until dns_ready; do
    [ $SECONDS -lt $until ] || { kubectl -n kube-system get pods -o wide; return 1; }
    sleep 0.3
  done
}

# dns_ready: its one pod says so itself; what the API server has on record may
# be from before a restart.
dns_ready() {
  local pods
  pods=$(kubectl -n kube-system get pods -l k8s-app=kube-dns -o name) && [ "$(wc -l <<<"$pods")" = 1 ] &&
    kubectl get --raw "/api/v1/namespaces/kube-system/pods/${pods#pod/}:8181/proxy/ready" >/dev/null 2>&1
}

mark_cluster() { { cluster_hash; cluster_ids; } >"$MARK.part" && mv "$MARK.part" "$MARK"; }

# mend_cluster: whole, but its containers stopped, most likely with their Docker.
mend_cluster() {
  local since
  since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  ensure_registry
  # shellcheck disable=SC2086 # a list
  docker unpause $NODES >/dev/null 2>&1 || true
  docker start "$CONTROL_PLANE" >/dev/null
  # shellcheck disable=SC2086
  docker start $NODES >/dev/null
  await_cluster 90 "$since"
}
