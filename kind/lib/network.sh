# shellcheck shell=bash
# The nodes' network. Nothing that runs on it may send packets out of this
# machine: no masquerading, a rule on the host, and a wall in every node.

NETWORK=$CLUSTER
BRIDGE=br-$CLUSTER

ensure_network() {
  docker network inspect "$NETWORK" >/dev/null 2>&1 ||
    docker network create --driver bridge \
      -o com.docker.network.bridge.name="$BRIDGE" \
      -o com.docker.network.bridge.enable_ip_masquerade=false \
      --label ordeal "$NETWORK" >/dev/null
  wall_host
}

# The nodes' own wall stands only once they have booted, and needs no root here.
wall_host() {
  [ "$(id -u)" = 0 ] && iptables -n -L DOCKER-USER >/dev/null 2>&1 || return 0
  local rule=(DOCKER-USER -i "$BRIDGE" ! -o "$BRIDGE" -j REJECT)
  iptables -C "${rule[@]}" 2>/dev/null || iptables -I "${rule[@]}"
}

unwall_host() {
  [ "$(id -u)" = 0 ] || return 0
  iptables -D DOCKER-USER -i "$BRIDGE" ! -o "$BRIDGE" -j REJECT 2>/dev/null || true
}

remove_network() {
  docker network rm "$NETWORK" >/dev/null 2>&1 || true
  unwall_host
}
